"""Refuses a release whose copies Traefik could not reach: clients would get errors from the flip on."""

from collections.abc import Mapping

from app.domain.errors import PreflightRefused, ReleaseNotKept
from app.domain.routing.probe_request import all_route_requests
from app.domain.stack import Color, Stack
from workers.adoption import drift
from workers.ports import Ports
from workers.rollout.run import Run


async def refuse_unreached(run: Run, unreached: Mapping[str, str], *, force: bool) -> None:
    """Raises PreflightRefused if Traefik would not reach one of the copies; with `force`, that is a warning.

    `unreached`: by Compose service, why. Behind a password this has no other sign: the middleware's answer proves the
    route, and never reaches a copy.
    """
    problems = await out_of_reach(run.stack, run.ports, run.target, unreached)
    if problems and not force:
        raise PreflightRefused("; ".join(problems))
    for problem in problems:
        await run.record(lambda r, text=problem: r.warn(f"{text}. Forced, so the release went on."))  # type: ignore[misc]


async def out_of_reach(stack: Stack, ports: Ports, color: Color, unreached: Mapping[str, str]) -> list[str]:
    """What `unreached` says of the services of `color`.

    Nothing if clients are answered by a live color that Traefik would not reach either: it then finds containers in a
    way that the engine does not know, such as a name server of the operator's.
    """
    problems = [unreached[name] for s in stack.routed if (name := s.colors[color]) in unreached]
    return [] if problems and await _reaches_the_live_color(stack, ports) else problems


async def _reaches_the_live_color(stack: Stack, ports: Ports) -> bool:
    state = ports.journal.state
    if state.current is None or state.active_color is None:
        return False
    try:
        apart = await ports.engine.unreached(ports.engine.defined(state.current.sha))
    except ReleaseNotKept:
        return False
    part = await drift.live_stack(stack, ports)
    if not all(service.colors[state.active_color] in apart for service in part.routed):
        return False
    asked = [request for _, request in all_route_requests(part) if request.accepted]
    answers = [(request, await ports.probe.ask(request)) for request in asked]
    return state.route_id is not None and all(
        answer.rollout == state.route_id and answer.status in request.accepted for request, answer in answers
    )
