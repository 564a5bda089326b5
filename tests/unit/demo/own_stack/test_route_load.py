import asyncio
import contextlib

import httpx
import pytest

from deploy.demo.own_stack.route_load import Client, Report, RouteLoad, clients_of
from tests.unit.demo.own_stack.stacks import content, stack

HEADER = "X-Updater-Rollout-Route"
ROUTES = [{"entrypoint": "web"}, {"entrypoint": "web", "rule": "Host(`shop.example.org`) && PathPrefix(`/api`)"}]


def clients() -> list[Client]:
    routed = {"web": {"service": "web", "port": 8000, "health": "/healthz", "routes": ROUTES}}
    return clients_of(stack(**content(routed=routed)))


def test_each_route_has_a_client() -> None:
    found = clients()
    assert [client.route for client in found] == ["shop.web.1", "shop.web.2"]
    assert [client.request.host for client in found] == [None, "shop.example.org"]
    assert found[0].request.url == "http://traefik:80/healthz"


@pytest.mark.parametrize(
    ("client", "status", "routed", "failed"),
    [
        (0, 200, False, False),
        (0, 404, True, True),
        (0, 502, True, True),
        (1, 404, True, False),
        (1, 404, False, True),
        (1, 503, True, True),
    ],
)
def test_answer_counts_as_the_updater_counts_it(client: int, status: int, routed: bool, failed: bool) -> None:
    headers = httpx.Headers({HEADER: "shop.web.2"} if routed else {})
    assert (clients()[client].failure(status, headers) is not None) == failed


def test_report_keeps_the_first_details_only() -> None:
    report = Report()
    for n in range(30):
        report.add(clients()[0], 1.0, f"failure {n}")
    assert (report.requests, report.failed, len(report.failures)) == (30, 30, 20)
    assert report.by_route == {"shop.web.1": 30}


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError):
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")


async def test_chunked_answers_are_understood() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    where = stack(traefik={"entrypoints": {"web": f"http://127.0.0.1:{port}"}})
    async with RouteLoad(where, 200) as load:
        await load.served(20, 10)
    assert (load.report.requests >= 20, load.report.failures) == (True, [])
    server.close()
    await server.wait_closed()


async def test_refused_connection_is_a_failed_request() -> None:
    where = stack(traefik={"entrypoints": {"web": "http://127.0.0.1:9"}})
    async with RouteLoad(where, 200) as load:
        await load.served(3, 10)
    assert load.report.failed == load.report.requests
