"""A flip is confirmed by the answers of new connections."""

from dataclasses import replace

import pytest

from app.domain.errors import RouteNotConfirmed
from app.domain.routing.probe_request import ProbeRequest
from app.domain.routing.routes import ClientRoute, EntryPoint
from app.domain.stack import RoutedService, Stack
from tests.examples import a_routed, a_stack, a_traefik
from tests.fakes.clock import FakeClock
from tests.fakes.world import World
from workers.ports import Answer
from workers.routing.confirm import confirm_routes

REFUSED = Answer(0, 0.0, error="tlsv13 alert certificate required")
NEW = Answer(200, 0.0, rollout="r-1")


def stack(tls: dict[str, object] | None, rule: str = "Host(`shop.example.org`)", url: str = "") -> Stack:
    route = ClientRoute("web", rule, tls)
    traefik = a_traefik(web=url or ("http://traefik:80" if tls is None else "https://traefik:443"))
    return a_stack(routed=(a_routed("skills", 8080, "/", route),), traefik=traefik)


async def asked(tls: dict[str, object] | None, *answers: Answer) -> list[ProbeRequest]:
    """The requests of a confirmation to which Traefik gives `answers`, the last one again and again."""
    sent: list[ProbeRequest] = []

    async def ask(_: RoutedService, request: ProbeRequest) -> Answer:
        sent.append(request)
        return answers[min(len(sent), len(answers)) - 1]

    of = stack(tls)
    await confirm_routes(of, FakeClock(), World(of).route, "r-1", ask)
    return sent


@pytest.mark.parametrize(("tls", "times"), [({}, 2), (None, 1)])
async def test_route_with_tls_is_asked_twice(tls: dict[str, object] | None, times: int) -> None:
    assert len(await asked(tls, NEW)) == times


async def test_tls_options_after_the_first_answer_count() -> None:
    """Traefik answered with the new route, but over a connection with the TLS options before."""
    with pytest.raises(RouteNotConfirmed) as refused:
        await asked({}, NEW, REFUSED)
    assert "Traefik requires a client certificate" in refused.value.detail


async def test_second_answer_may_come_late() -> None:
    assert len(await asked({}, Answer(404, 0.0), NEW, REFUSED, NEW)) == 4


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (stack(None, url="https://traefik:443"), "write tls: true into routed/skills"),
        (stack(None, "Host(`shop.example.org`) && ClientIP(`10.0.0.0/8`)"), "the rule has ClientIP: it must also have"),
    ],
)
async def test_route_that_traefik_does_not_know_has_a_remedy(of: Stack, words: str) -> None:
    async def ask(_: RoutedService, request: ProbeRequest) -> Answer:
        return Answer(404, 0.0)

    with pytest.raises(RouteNotConfirmed) as refused:
        await confirm_routes(of, FakeClock(), World(of).route, "r-1", ask)
    assert words in refused.value.detail


async def test_flip_counts_only_when_every_traefik_follows() -> None:
    """The message names the one that does not."""
    of = stack(None)
    of = replace(
        of, traefik=replace(of.traefik, entrypoints={"web": EntryPoint("http://a:80", others=("http://b:80",))})
    )

    async def ask(_: RoutedService, request: ProbeRequest) -> Answer:
        return NEW if request.url.startswith("http://a:80/") else Answer(200, 0.0, rollout="r-0")

    with pytest.raises(RouteNotConfirmed) as refused:
        await confirm_routes(of, FakeClock(), World(of).route, "r-1", ask)
    assert ", at b:80" in refused.value.detail


async def test_message_of_one_traefik_names_no_address() -> None:
    with pytest.raises(RouteNotConfirmed) as refused:
        await asked(None, Answer(200, 0.0, rollout="r-0"))
    assert ", at" not in refused.value.detail
