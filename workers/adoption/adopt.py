"""Adopts a stack that ran before the updater did: what serves becomes the current release.

Nothing is restarted, and the routes lead to the same containers throughout. A worker may be killed at any point: every
step can be repeated, and only the last one, the write to the journal, makes the stack adopted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from app.domain.engine_commands import commands_of
from app.domain.errors import AdoptionRefused, ComposeInvalid, RouteNotConfirmed
from app.domain.notices import messages
from app.domain.release import LiveRelease
from app.domain.stack import Color, RoutedService, Stack
from app.domain.state import State
from workers.adoption import followers, singles
from workers.adoption.evidence import claims_of, has_failed, labels_of, own_release
from workers.adoption.identity import Identity, identify
from workers.adoption.reach import Found, hosts_of
from workers.adoption.serving import Serving, left_stopped, serving_color, up
from workers.adoption.singletons import run_outside, stopped, warnings_of
from workers.ports import Instance, Journal, Ports, Stamp
from workers.routing import route_file
from workers.routing.asked import served_by_routes
from workers.routing.confirm import confirm_routes
from workers.routing.copies import counted
from workers.routing.routers import Routing, read_routing

LOOKS, LOOK_SECONDS = 3, 0.1
"""How often routes are probed after the take-over, and the seconds between. One failed probe may be a hiccup; each
further one makes clients wait longer for the old routes."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Adoptable:
    """What serves now, and which release it is. `files` is the current content of Traefik's dynamic files.

    `stopped`: the containers of singletons and followers that do not run, which belong to the release too.
    `warnings`: sentences.
    `made`: the stamp of the updater's own rollout that made it, if the end of that rollout was lost; otherwise None.
    """

    serving: Serving
    identity: Identity
    files: Mapping[str, str]
    made: Stamp | None = None
    stopped: tuple[Instance, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def own(self) -> bool:
        return self.made is not None

    @property
    def stamp(self) -> Stamp:
        """The same every time, so that an interrupted adoption is repeated under the same id."""
        return self.made or Stamp(self.identity.tag, self.identity.sha, f"adopted-{self.identity.sha[:12]}")


async def look(stack: Stack, ports: Ports) -> Adoptable | None:
    """What could be adopted; None if nothing serves. Changes nothing. Raises AdoptionRefused, EngineFailed."""
    found = await find_all(stack, ports)
    try:
        files = await ports.route.files()
    except RouteNotConfirmed as error:
        raise AdoptionRefused(error.detail) from error
    routing = _routing(stack, files, found)
    outside = await run_outside(stack, ports, found)
    serving = serving_color(stack, routing, found, outside.problems)
    if serving is None:
        await _nothing_answers(stack, ports, routing)
        if outside.problems:
            raise AdoptionRefused("; ".join(outside.problems))
        return None
    colored = [i for i in serving.instances if stack.moved_services()[i.service]]
    if made := own_release(colored):
        await _not_failed(ports, made, serving)
        return Adoptable(serving, Identity(made.release, made.sha, "according to its containers' labels"), files, made)
    claims = [*labels_of(colored), *await claims_of(stack, ports, serving.instances)]
    held = (*stopped(stack, found), *followers.stopped(stack, found))
    identity = identify(claims, [str(i.image) for i in (*serving.instances, *held)], stack.tags)
    overruled = _overruled(ports.journal.state, serving.color)
    idle, of_singles = left_stopped(stack, serving, found), singles.warnings_of(stack, serving.instances)
    others = (*warnings_of(stack, found), *followers.warnings_of(stack, found))
    warnings = (*overruled, *idle, *of_singles, *others, *outside.warnings)
    return Adoptable(serving, identity, files, stopped=held, warnings=warnings)


def _routing(stack: Stack, files: Mapping[str, str], found: Found) -> Routing:
    """Reads the files, but ignores the updater's own if its color does not run and other files lead to the stack."""
    own = {name: state for name, text in files.items() if (state := route_file.read(text, stack))}
    hosts = hosts_of(stack, found)
    others = read_routing({name: text for name, text in files.items() if name not in own}, hosts)
    color = next((state.color for state in own.values()), None)
    runs = color is not None and any(i.service == s.colors[color] for i in up(stack, found) for s in stack.routed)
    led = any(router.services for router in others.routers)
    return others if led and color is not None and not runs else read_routing(files, hosts)


async def _nothing_answers(stack: Stack, ports: Ports, routing: Routing) -> None:
    """Raises AdoptionRefused if a route answers although no color runs: then `project` is wrong."""
    for service in stack.routed:
        routers = [router for router in routing.routers if router.answers(service)]
        if routers and await served_by_routes(stack, ports.probe, service):
            raise AdoptionRefused(
                f"{routers[0].where} answers `{routers[0].rule}`, but in the project {stack.project} neither "
                f"{' nor '.join(_containers_of(service))} runs: correct `project` in the stack file "
                f"({commands_of(stack).projects}), or remove the router"
            )


def _containers_of(service: RoutedService) -> list[str]:
    """The Compose services whose containers may serve it."""
    return [*service.colors.values(), *filter(None, [service.made_from])]


def _overruled(state: State, color: Color) -> Iterator[str]:
    """A warning if the old state file names another color than the one that serves: the routes decide."""
    if state.current is None and state.active_color not in {None, color}:
        old = state.active_color
        yield f"the old state file says that {old} serves, but the routes lead to {color}: the routes decide"


async def _not_failed(ports: Ports, made: Stamp, serving: Serving) -> None:
    """Raises AdoptionRefused for a first release that failed and whose routes could not be removed afterwards."""
    if await has_failed(ports, made):
        services = ", ".join(sorted({i.service for i in serving.instances}))
        raise AdoptionRefused(
            f"{made.release} failed as the first release and still has your traffic on {serving.color}, because its "
            f"routes could not be removed: stop {services} to end that"
        )


async def started_beside(stack: Stack, ports: Ports, rollout: str) -> list[str]:
    """The running colored services that `rollout` did not start. Raises EngineFailed."""
    return sorted({i.service for i in up(stack, await find_all(stack, ports)) if i.rollout != rollout})


async def adopt(stack: Stack, ports: Ports) -> Adoptable | None:
    """Makes what serves the current release; None if nothing serves. Raises AdoptionRefused, EngineFailed.

    After AdoptionRefused, Traefik's files are restored and no running container was touched.
    """
    found = await look(stack, ports)
    if found is None:
        return None
    stamp, color = found.stamp, found.serving.color
    changed = await _record(stack, ports, found)
    await _take_routes(stack, ports, found)
    everything = (await find_all(stack, ports)).values()  # with stopped copies of its own release: they start again
    copies = counted(stack, color, [i for each in everything for i in each if i.rollout == stamp.rollout])
    live = LiveRelease(stamp.release, stamp.sha, stamp.rollout, ports.clock.now(), adopted=not found.own, copies=copies)
    doubt = _doubt(ports.journal, live, color)
    await ports.journal.update(lambda s: s.adopt(live, color).pause(doubt) if doubt else s.adopt(live, color))
    _report(ports, found, changed, doubt)
    return found


def _doubt(journal: Journal, live: LiveRelease, color: Color) -> str | None:
    """Why a person must check the adoption before the next release; None if nothing is in doubt."""
    before = journal.state.current
    if journal.lost:
        return messages.adopted_without_journal(journal.lost, live.tag, color)
    return messages.adopted_what_moved(before.tag, live.tag, color) if before else None


async def _record(stack: Stack, ports: Ports, found: Adoptable) -> list[str]:
    """Records the release: see Engine.adopt. A release of the updater's own rollout is already recorded."""
    if found.own:
        return []
    try:
        return await ports.engine.adopt(found.stamp, found.serving.color, (*found.serving.instances, *found.stopped))
    except ComposeInvalid as error:
        raise AdoptionRefused(f"{error}: correct the Compose file in {stack.directory}") from error


async def _take_routes(stack: Stack, ports: Ports, found: Adoptable) -> None:
    """Replaces the old routes with the updater's own, and confirms that Traefik answers with them.

    The updater's file comes first: until the old files are gone, two routers lead to the same container.
    """
    answered = await _answered(stack, ports)
    try:
        await _replace_files(ports, found)
        await confirm_routes(
            stack, ports.clock, ports.route, found.stamp.rollout, lambda _, request: ports.probe.ask(request)
        )
        await _answer_as_before(stack, ports, answered)
    except RouteNotConfirmed as error:
        back = await _put_back(ports, found)
        raise AdoptionRefused(
            f"Traefik does not follow {ports.route.where} ({error}); {back}. Look at Traefik's log. Check that "
            "Traefik reads the routes there, and that traefik/entrypoints are right"
        ) from error


async def _put_back(ports: Ports, found: Adoptable) -> str:
    """Restores Traefik's files. Returns a clause that says so, or why it failed."""
    try:
        await ports.route.restore(found.files)
    except RouteNotConfirmed as error:
        return error.detail
    return "its files were restored"


async def _replace_files(ports: Ports, found: Adoptable) -> None:
    await ports.route.flip(found.serving.color, found.stamp.rollout, found.serving.hosts)
    left = await ports.route.files()  # the flip may have removed the file of an earlier version
    for name in found.serving.files:
        if name != ports.route.file.name and name in left:
            await ports.route.set_aside(name)


async def _answered(stack: Stack, ports: Ports) -> set[str]:
    """The services that are healthy through Traefik."""
    return {s.name for s in stack.routed if await served_by_routes(stack, ports.probe, s)}


async def _answer_as_before(stack: Stack, ports: Ports, before: set[str]) -> None:
    """Checks that each service that was healthy through the old routers is healthy through the updater's.

    If Traefik cannot reach a container by its service's name, it answers 502 with the updater's header.
    Raises RouteNotConfirmed.
    """
    for _ in range(LOOKS):
        if not (worse := before - await _answered(stack, ports)):
            return
        await ports.clock.sleep(LOOK_SECONDS)
    raise RouteNotConfirmed(f"{', '.join(sorted(worse))} was healthy through the old routers, but not the updater's")


def _report(ports: Ports, found: Adoptable, changed: Sequence[str], doubt: str | None) -> None:
    stamp, color = found.stamp, found.serving.color
    data: dict[str, Any] = {"tag": stamp.release, "sha": stamp.sha, "color": color, "how": found.identity.how}
    data["warnings"] = list(found.warnings)
    log.info("the running stack was adopted", **data, not_as_defined=list(changed))
    ports.publisher.event("adopted", **data, not_as_defined=list(changed))
    if doubt:
        ports.publisher.event("paused", reason=doubt)
    ports.publisher.status(ports.journal.state)


async def find_all(stack: Stack, ports: Ports) -> Found:
    """The instances of every service that the updater moves. Raises EngineFailed."""
    return {service: await ports.engine.find(service) for service in stack.moved_services()}
