"""What must hold for the traffic."""

from app.domain.stack import Color
from tests.fakes.engine import Container
from tests.simulation.invariants.checks import asked, on_ending, on_flip
from tests.simulation.observation.observed import Observed

IN_FLIGHT_SECONDS = 1.0
"""How long a request to the engine is on its way at most, while the engine answers."""


@asked(on_ending)
def nothing_stops_the_served_color(seen: Observed, container: Container) -> str | None:
    """[A, D] Neither the color that Traefik serves nor the one in its file is stopped, replaced or removed.

    A request that was on its way when another program wrote the file does not count.
    """
    color = container.color
    if color is None or not container.runs(seen.now) or seen.now - seen.overwritten_at < IN_FLIGHT_SECONDS:
        return None
    if color == seen.served and not _everything_is_removed(seen):
        return f"{container.service} of {container.stamp.release} ends while Traefik serves {color}"
    if color == seen.world.route.named:
        return f"{container.service} of {container.stamp.release} ends while the route file names {color}"
    return None


def _everything_is_removed(seen: Observed) -> bool:
    """Whether the first release failed: nothing else can serve, so its route is removed, and then its containers."""
    rollout = seen.state.rollout
    return seen.world.route.named is None and rollout is not None and rollout.origin is None


@asked(on_ending)
def the_old_color_drains(seen: Observed, container: Container) -> str | None:
    """[A] A color that had traffic runs for the drain time after Traefik has left it.

    A route file that was changed by hand is corrected at once; what it did until then is not checked here.
    """
    if (
        seen.happened["route_overwritten"]
        or container.color is None
        or not container.runs(seen.now)
        or container.color == seen.served
        or (_everything_is_removed(seen) and seen.happened["traefik_deaf"])
    ):
        return None
    left = seen.world.route.last_served(Color(container.color))
    drain = seen.world.stack.times.drain - (seen.world.route.lag if _everything_is_removed(seen) else 0)
    if left is None or (container.started_at or 0) > left or seen.now - left >= drain - EPSILON:
        return None
    return f"{container.service} ends {seen.now - left:.2f} s after its last request, but it drains for {drain:g} s"


EPSILON = 0.001


@asked(on_flip)
def the_route_leads_to_what_runs(seen: Observed, color: Color | None, rollout: str) -> str | None:
    """[D] The updater never moves the route to a color that it stopped, never started, or that is not ready."""
    if color is None or color is seen.served:
        return None  # no move: it has the traffic already, for example when the updater adopts it
    if seen.served is None and rollout.startswith("adopted-"):
        return None  # an operator has just started it, and the routers that are taken over lead to it
    for service in seen.world.route.routed(color, rollout):
        copies = seen.world.engine.containers(service.colors[color])
        if not copies or not all(_may_serve(seen, copy) for copy in copies):
            states = ", ".join(copy.state(seen.now) for copy in copies) or "missing"
            return f"the route moves to {color}, but {service.colors[color]} is {states}"
    return None


def _may_serve(seen: Observed, copy: Container) -> bool:
    """Whether it serves, or would if nothing but its release or the machine had ended it."""
    if copy.held or copy.started_at is None:
        return False
    ended_by_itself = copy.restored or copy.restarts(seen.now) > 0
    return copy.is_ready(seen.now) or ended_by_itself or not copy.runs(seen.now)


@asked(on_flip)
def a_cancelled_rollout_gets_no_traffic(seen: Observed, color: Color | None, rollout: str) -> str | None:
    """[C] After an accepted cancel, its rollout does not move the route to its color."""
    call = next((c for c in seen.calls if c.name == "cancel" and c.accepted and c.rollout == rollout), None)
    return f"{rollout} moves the route to {color}, but {call}" if call else None
