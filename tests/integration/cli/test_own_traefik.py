"""The Traefik that `init` prints for a project without one, as a real Traefik runs it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from app.cli.init.command import write_stack_file
from deploy.demo.clients import plain_client
from deploy.demo.processes import free_port, running
from tests.integration.cli.newcomer import block
from tests.integration.waiting import once_up, until

TRAEFIK = Path(sys.executable).with_name("traefik")
CHECK = {"test": ["CMD", "curl", "http://localhost:8000/up"]}
WEB: dict[str, Any] = {"build": ".", "expose": ["8000"], "healthcheck": CHECK}


@asynccontextmanager
async def echo(port: int) -> AsyncIterator[None]:
    """Answers each request with its own head."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(head), head))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", port):
        yield


def printed(directory: Path, services: dict[str, Any]) -> tuple[list[str], str]:
    """The flags and the first routes."""
    (directory / "compose.yaml").write_text(yaml.safe_dump({"name": "shop", "services": services}))
    notes = write_stack_file(directory, directory / "stack.yml", force=False, environ=os.environ).notes
    service = yaml.safe_load("\n".join(block(notes.traefik, "No service of the project is Traefik")))
    routes = "\n".join(block(notes.traefik, "Its routes until the first rollout"))
    return service["services"]["traefik"]["command"], routes


@pytest.mark.parametrize("name", ["web", "my_web", "metrics"])
async def test_printed_traefik_serves_the_running_container(tmp_path: Path, name: str) -> None:
    flags, routes = printed(tmp_path, {name: WEB})
    inside, point, metrics = free_port(), free_port(), free_port()
    dynamic = tmp_path / "live" / "dynamic"
    dynamic.mkdir(parents=True)
    (dynamic / "updater-shop.yml").write_text(
        routes.replace(f"http://shop-{name}-1:8000", f"http://127.0.0.1:{inside}")
    )
    here = {"/etc/traefik/live": str(tmp_path / "live"), "=:8000": f"=127.0.0.1:{point}", "=:8082": f"=:{metrics}"}
    for there, instead in here.items():
        flags = [flag.replace(there, instead) for flag in flags]
    url = f"http://127.0.0.1:{point}/a%2Fb?c=d"
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example.org", "X-Real-Ip": "192.0.2.7"}
    log = tmp_path / "traefik.log"
    async with echo(inside), plain_client(timeout=30) as client:
        with running([str(TRAEFIK), *flags], {}, log):
            await until(once_up(lambda: _is_served(client, url)))
            head = (await client.get(url, headers=headers)).text.lower()
            await until(once_up(lambda: _counts(client, f"http://127.0.0.1:{metrics}/metrics", name)))
    assert head.startswith("get /a%2fb?c=d http/1.1")
    for header, value in headers.items():
        assert f"{header.lower()}: {value}" in head


async def _is_served(client: httpx.AsyncClient, url: str) -> bool:
    return (await client.get(url)).status_code == httpx.codes.OK


async def _counts(client: httpx.AsyncClient, metrics: str, name: str) -> bool:
    return f'service="{name}@file"' in (await client.get(metrics)).text
