"""The flip and its way back, and the checks through the routes."""

from app.domain.errors import OperatorRollback, RouteNotConfirmed
from app.domain.rollout import route_id_back
from app.domain.stack import RoutedService
from workers.rollout.checks import client_traffic, health
from workers.rollout.outage import AGAIN_SECONDS
from workers.rollout.run import Run
from workers.rollout.step import Evidence
from workers.routing.copies import find_hosts


async def switch_route(run: Run) -> Evidence:
    """The commit point: one rename moves the route. Confirms that Traefik answers with this rollout's id."""
    clock = run.ports.clock
    copies = await find_hosts(run.stack, run.ports.engine, run.target)
    run.traffic = await client_traffic.before_flip(run)
    started = clock.monotonic()
    await run.ports.route.flip(run.target, run.rollout.id, copies, stack=run.stack)
    await health.confirm_route(run, run.rollout.id, run.stack)
    run.flipped_at = clock.monotonic()
    await run.update(lambda state: state.routed_to(run.target, run.rollout.id))
    run.ports.publisher.event("route.flipped", rollout_id=run.rollout.id, color=run.target)
    return {"color": run.target, "flip_ms": round((run.flipped_at - started) * 1000, 1)}


async def check_routed(run: Run, service: RoutedService) -> Evidence:
    """Checks that the new color is healthy through Traefik."""
    return await health.wait_routed(run, service)


async def may_not_go_back(run: Run) -> bool:
    """Whether the release cannot be rolled back and the route leads to it.

    The old color may not understand data that the release has written. An operator can still force the rollback. If
    the flip was not confirmed, waits until the route file can be read, also after a restart: a release that never got
    the traffic is not the live one.
    """
    rollout = run.rollout
    if not (rollout.one_way and rollout.past_flip) or rollout.origin is None:
        return False
    if rollout.reason_code == OperatorRollback.code:
        return False
    while not rollout.flipped and not await _is_readable(run):
        await run.ports.clock.sleep(AGAIN_SECONDS)
    return await may_lead_to_target(run)


async def _is_readable(run: Run) -> bool:
    try:
        await run.ports.route.active()
    except RouteNotConfirmed as error:
        run.say(f"it is unclear which color has the traffic: {error.detail}. The next look is in {AGAIN_SECONDS:.0f} s")
        return False
    return True


async def may_lead_to_target(run: Run) -> bool:
    """Whether the route file leads to the new color, or cannot be read, so that it may."""
    try:
        return await run.ports.route.active() is run.target
    except RouteNotConfirmed:
        return True


async def has_flipped(run: Run) -> bool:
    """Whether the route file is of this rollout and leads to its color. False if the file cannot be read."""
    try:
        return await may_lead_to_target(run) and await run.ports.route.rollout() == run.rollout.id
    except RouteNotConfirmed:
        return False


async def restore_route(run: Run) -> Evidence:
    """Moves the route back to the color that was live, which still runs."""
    started, origin = run.ports.clock.monotonic(), run.rollout.origin
    if origin is None:
        await run.ports.route.clear()
        await run.update(lambda state: state.routed_to(None, None))
        return {"color": None}
    proof = route_id_back(run.rollout.id)
    await run.ports.route.flip(origin, proof, stack=run.origin)
    await run.update(lambda state: state.routed_to(origin, proof))  # the file already says so, even if unconfirmed
    await health.confirm_route(run, proof, run.origin)
    rollback_ms = round((run.ports.clock.monotonic() - started) * 1000, 1)
    run.ports.publisher.event("route.rolled_back", rollout_id=run.rollout.id, color=origin)
    return {"color": origin, "rollback_ms": rollback_ms}
