"""Checks which colors run, and whether those that should are healthy."""

from collections.abc import Collection, Sequence

from app.domain.findings import Check, Verdict
from app.domain.stack import Color, Stack
from app.domain.state import State
from workers.ports import Seen, Survey


def checks(stack: Stack, state: State, seen: Survey, named: Collection[Color]) -> list[Check]:
    """Checks that the active color is healthy and the idle one does not run. Passes if the active color is unknown.

    `named`: the color in the route file, or both if it cannot be read. That color may have traffic. A running rollout
    needs both colors: a rollback returns to one of them.

    The engine reports `starting` until its first check, up to half a minute after the start. That counts as healthy,
    because the color got its traffic after its health path had passed.
    """
    by_service: dict[str, list[Seen]] = {}
    for container in (c for c in seen.containers if c.state == "running"):
        by_service.setdefault(container.moved_service, []).append(container)
    copies = state.current.copies if state.current else {}
    checks = []
    for service in stack.routed:
        for color, name in service.colors.items():
            running, active = by_service.get(name, []), color is state.active_color
            if state.active_color is None:
                checks.append(Check(f"color_{name}", Verdict.OK, f"{color} {_running_state(running)}"))
                continue
            part = "active" if active else _part_of_other(state, color)
            text = f"{color} is {part} and {_running_state(running)}"
            needed = state.rollout is not None or not running
            serving = sum(c.health != "unhealthy" for c in running)
            well = needed if not active else serving >= copies.get(service.name, 1) and serving == len(running)
            remedy = "" if well else _advice(active, routed=color in named)
            checks.append(Check(f"color_{name}", Verdict.OK if well else Verdict.WARNING, text, remedy))
    return checks


def _part_of_other(state: State, color: Color) -> str:
    """What the color that is not active is for."""
    if state.rollout is None:
        return "idle"
    rollout = f"the running rollout of {state.rollout.release.tag}"
    return f"the new color of {rollout}" if color is state.rollout.target else f"the way back of {rollout}"


def _running_state(running: Sequence[Seen]) -> str:
    health = ", ".join(dict.fromkeys(c.health or "no health check" for c in running))
    copies = f" with {len(running)} copies" if len(running) > 1 else ""
    return f"runs{copies} ({health})" if running else "does not run"


def _advice(active: bool, *, routed: bool) -> str:
    if active:
        return "It has your traffic. Check its logs now."
    if routed:
        return "Do not stop it: the route file names it, so it may have your traffic. See the check route_file."
    return "It uses memory without serving traffic. Stop it."
