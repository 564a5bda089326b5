"""What must hold at the end of a play."""

from http import HTTPStatus
from typing import Any

from tests.simulation.invariants.checks import asked, at_end
from tests.simulation.invariants.journal import no_way_back
from tests.simulation.observation.observed import Observed


@asked(at_end)
def the_status_equals_the_journal(seen: Observed) -> str | None:
    """[C] Everyone reads what the journal says."""
    shown = seen.world.publisher.shown
    return None if shown == seen.state else f"the status is not the journal: {_differences(shown, seen.state)}"


def _differences(shown: Any, state: Any) -> str:
    if shown is None:
        return "there is no status"
    return "; ".join(
        f"{k}: {v!r} is shown, {getattr(state, k)!r} is true" for k, v in vars(shown).items() if v != getattr(state, k)
    )


@asked(at_end)
def the_live_color_has_the_traffic(seen: Observed) -> str | None:
    """[D, H] Traefik serves the color in the journal, every copy of it runs, is healthy, and is of the live release."""
    state, world = seen.state, seen.world
    color, current = state.active_color, state.current
    if color is None or current is None:
        return _nothing_is_live(seen)
    if seen.served is not color or world.route.named is not color:
        return f"the journal says {color}, the route file {world.route.named}, Traefik {seen.served}"
    for service in seen.live_stack.routed:
        if (status := world.engine.status(service.colors[color])) != 200 and not _is_bad(seen, service.colors[color]):
            return f"{service.colors[color]} has the traffic and answers {status}"
        shas = [c.stamp.sha for c in world.engine.containers(service.colors[color]) if c.runs(seen.now)]
        if set(shas) - {current.sha}:
            return f"{current.tag} is live on {color}, but {service.colors[color]} is of {shas}"
    return None


@asked(at_end)
def the_route_names_every_copy(seen: Observed) -> str | None:
    """[D, H] The live color runs as many copies as its release has, and each is a server of the route."""
    color, current, world = seen.state.active_color, seen.state.current, seen.world
    if color is None or current is None:
        return None
    for service in seen.live_stack.routed:
        name = service.colors[color]
        found = world.engine.containers(name)
        made = [c.labelled and c.stamp.rollout == current.rollout_id for c in found]  # also in place of adopted ones
        copies = [c for c, own in zip(found, made, strict=True) if own or c.adopted or not current.adopted]
        if any(c.behaviour.dies_after is not None or c.behaviour.status != HTTPStatus.OK for c in copies):
            continue  # the release itself ends them
        running = [c for c in copies if c.runs(seen.now)]
        if copies and len(running) != len(copies):
            return f"{len(running)} of {len(copies)} copies of {name} run"
        if current.copies.get(service.name, len(copies)) != len(copies):
            return f"the journal says that {name} has {current.copies[service.name]} copies, but it has {len(copies)}"
        hosts, named = {c.host for c in running if c.host}, {*world.route.names(service.name, color)}
        if hosts and named not in (hosts, {name}, set()):  # the name of the service leads to all
            return f"the route names {sorted(named)}, but {name} runs as {sorted(hosts)}"
    return None


def _nothing_is_live(seen: Observed) -> str | None:
    if seen.served is None:
        return None
    return None if seen.state.paused else f"Traefik serves {seen.served}, but the journal has no live release"


def _is_bad(seen: Observed, service: str) -> bool:
    """Whether the release itself makes its copies unhealthy."""
    copies = seen.world.engine.containers(service)
    return any(c.behaviour.status != 200 or c.behaviour.dies_after is not None for c in copies)


@asked(at_end)
def one_bot_runs(seen: Observed) -> str | None:
    """[B] In the end, exactly one copy of each singleton runs; none only if the pause or the alarm says so."""
    if seen.state.current is None:
        return None
    stays = seen.state.current.rollout_id in seen.stayed  # maybe without a hand-over, beside the bot before it
    for singleton in seen.live_stack.singletons:
        services = seen.singletons[singleton.name] if stays else {singleton.service}
        running = [tag for service in services for tag in seen.world.engine.running(service)]
        if len(running) != 1 and not (not running and _missing_bot_is_explained(seen, singleton.service)):
            return f"{len(running)} copies of {singleton.name} run: {running}"
    return None


def _missing_bot_is_explained(seen: Observed, service: str) -> bool:
    """Whether the pause or the alarm says why, or an operator stopped the one that was started last."""
    alarmed = any("singleton_gone" in alarms for alarms in seen.world.publisher.alarmed[-1:])
    containers = [c for c in seen.world.engine.containers(service) if c.started_at is not None]
    last = max(containers, key=lambda c: c.started_at or 0.0, default=None)
    if alarmed and last is not None and last.id in seen.stopped_by_hand:
        return True
    stopped = seen.hand_stops.get(service)  # the container may be pruned since
    if alarmed and stopped is not None and (last is None or (last.started_at or 0.0) <= stopped):
        return True
    kept = seen.state.current is not None and seen.state.current.rollout_id in seen.stayed  # healthy or not
    return (alarmed and kept) or _missing_bot_is_reported(seen)


def _missing_bot_is_reported(seen: Observed) -> bool:
    """Whether the old one could not be started again, or a lost state file had the only record of its hand-over.

    The pause after the loss says so, and the alarm to an operator who unpaused without starting it.
    """
    lost = seen.happened["state file lost with its copy"]
    alarmed = any("singleton_gone" in alarms for alarms in seen.world.publisher.alarmed[-1:])
    known = seen.state.paused or seen.unpauses
    return bool(seen.happened["singleton unrestorable"] or (lost and alarmed and known))


@asked(at_end)
def the_previous_release_can_be_restored(seen: Observed) -> str | None:
    """[F] In the end, the release that was live before can be restored without a build."""
    return no_way_back(seen)


@asked(at_end)
def what_compose_would_run_is_live(seen: Observed) -> str | None:
    """[H] `docker compose up` by hand would run the live release on the live color."""
    state, published = seen.state, seen.world.engine.published
    if state.current is None or published is None:
        return None
    live = (state.current.sha, state.active_color)
    return None if published == live else f"published is {published}, live is {live}"
