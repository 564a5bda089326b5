"""Troubles that belong together: events that meet each other more often than chance alone would let them."""

from collections.abc import Callable
from typing import Any

from tests.simulation.draw.chances import (
    BAD_PAST_FLIP,
    BEFORE_FLIP,
    OLDER,
    PAST_FLIP,
    TAGS,
    UNDO,
    Chances,
)
from tests.simulation.schedule import FIRST

Theme = Callable[[Chances], None]
Options = dict[str, Any]

CALLS = ("pause", "unpause", "cancel", "cancel", "rollback", "rollback", "apply", "approve")
SOON = 30
"""Turns within which a short chain of awaits ends."""


def undo(draw: Chances) -> None:
    """A release fails past its flip, and trouble meets the rollback."""
    _fails_past_flip(draw, 0)
    for _ in range(draw.random.choice((1, 2, 2, 3))):
        does = draw.random.choice(("rollback", "rollback", "cancel", "kill", "disk_slow", "route_refused", "torn"))
        cue = draw.random.choice(("failed", *UNDO))
        if does == "disk_slow":
            draw.after(draw.random.choice((*PAST_FLIP, *UNDO)), does, seconds=draw.seconds(), each=0.3)
        elif does == "route_refused":
            draw.after(cue, does, seconds=draw.seconds())
        elif does == "torn":
            cue = draw.random.choice((cue, "effect stop", "effect ask"))
            draw.after(cue, "state_damaged", most=SOON, file=True, previous=False)
        else:
            draw.after(cue, does, most=SOON)


def killed_after_a_call(draw: Chances) -> None:
    """The worker or its disk fails soon after an operator's call, before or after its answer."""
    call = operator_calls(draw, draw.random.choice((*BEFORE_FLIP, *PAST_FLIP, "end")))
    cue = f"{draw.random.choice(('ask', 'answer'))} {call}"
    does = draw.random.choice(("kill", "kill", "kill", "terminate", "disk_full", "write_fails_late", "disk_slow"))
    if does == "disk_full":
        draw.after(cue, does, most=SOON, seconds=draw.seconds())
    elif does == "disk_slow":
        draw.after(cue, does, most=SOON, seconds=draw.seconds(), each=draw.random.choice((0.3, 6.0)))
    else:
        draw.after(cue, does, most=SOON)
    draw.set(command=draw.setting.command or draw.maybe(0.3))
    _unpauses(draw, 0.7)


def call_in_recovery(draw: Chances) -> None:
    """The worker ends during a rollout, the second one if possible, and operators call while it recovers."""
    at = 0.0
    if len(draw.releases) > 1 and draw.maybe(0.7):
        at = next(e.at for e in draw.events if e.options.get("tag") == draw.releases[1]) + draw.random.uniform(0, 20)
    draw.after(draw.random.choice((*BEFORE_FLIP, *PAST_FLIP, *UNDO)), draw.random.choice(("kill", "terminate")), at=at)
    for _ in range(draw.random.choice((1, 1, 2))):
        operator_calls(draw, draw.random.choice(("start", "take over", "step resume_check")), at=at)
    if draw.maybe(0.3):
        does = draw.random.choice(("redis_hangs", "engine_refuses", "disk_slow"))
        more: Options = {"each": 0.3} if does == "disk_slow" else {}
        draw.after(draw.random.choice(("start", "take over")), does, at=at, most=3, seconds=draw.seconds(), **more)


def state_is_lost(draw: Chances) -> None:
    """The state file is lost or torn: with releases that wait, in a rollout or an undo, before anything is live."""
    random = draw.random
    draw.set(begins=random.choice((draw.setting.begins, "live", "empty")))
    if draw.maybe(0.4):
        _fails_past_flip(draw, 0)
    at = random.choice((0.0, 0.0, random.uniform(0, 60)))
    cause = random.choice(("", "pause", "apply", "kill", "route_overwritten"))
    if cause == "pause":
        draw.add("pause", at=random.uniform(0, 30))
    elif cause == "apply":
        draw.add("apply", tag=random.choice((OLDER, FIRST, *TAGS[:2])), force=draw.maybe(0.8), at=at)
    elif cause == "kill":
        draw.after(random.choice(BEFORE_FLIP), "kill", at=at)
        at += random.uniform(0.5, 3)
    elif cause == "route_overwritten":
        draw.add("route_overwritten", at=at + random.uniform(0, 10), other=draw.maybe(0.3))
    _loses_state(draw, at)
    for tag in random.sample(TAGS[:4], random.choice((0, 0, 2, 3))):
        draw.after("start", "release", at=at + 0.01, most=SOON, tag=tag)
    _unpauses(draw, 0.7)


def _loses_state(draw: Chances, at: float) -> None:
    cue = draw.random.choice(
        (*BEFORE_FLIP, *PAST_FLIP, *UNDO, "effect stop", "effect ask", "begin", "end", "answer apply")
    )
    does = draw.random.choice(("state_removed", "damaged", "torn", "torn"))
    if does == "state_removed":
        draw.after(cue, does, at=at)
    else:
        draw.after(cue, "state_damaged", at=at, file=True, previous=does == "damaged")


def traefik_stays_behind(draw: Chances) -> None:
    """Traefik stops following its file during a flip or an undo, and another release comes."""
    _fails_past_flip(draw, 0)
    cue = draw.random.choice(("flip", "step restart_bot", "step bake", "failed", "undo"))
    draw.after(cue, "traefik_deaf", most=SOON, seconds=draw.random.choice((5.0, 20.0, 60.0, 100.0)))
    if draw.maybe(0.5):
        draw.after("end", "apply", tag=draw.random.choice(TAGS[:3]), force=True)
    else:
        draw.add("release", tag=draw.random.choice(TAGS[1:4]), at=draw.random.uniform(20, 60))
        draw.after("end", "unpause")


def slow_route(draw: Chances) -> None:
    """A write of the route file takes long, and the rollout is stopped during it."""
    cue = draw.random.choice(("step health_api", "step route_switch", "step route_switch", "failed", "undo"))
    seconds = draw.random.choice((0.1, 0.5, 3.0, 20.0))
    draw.after(cue, "route_slow", most=3, seconds=seconds, each=draw.random.choice((2.0, 5.0)))
    does = draw.random.choice(("rollback", "rollback", "cancel", "kill", "terminate"))
    draw.after(draw.random.choice(("step route_switch", "step route_switch", "undo")), does, most=SOON)


def slow_disk(draw: Chances) -> None:
    """Writes of the state file take long, while operators call and steps reach their limits."""
    random = draw.random
    at = random.uniform(0, 40)
    draw.add("disk_slow", at=at, seconds=random.choice((20.0, 40.0, 70.0)), each=random.choice((0.3, 2.0, 6.0)))
    for _ in range(random.choice((1, 2, 3))):
        operator_calls(draw, random.choice((*BEFORE_FLIP, *PAST_FLIP, "end", "write")), at=at)


def again(draw: Chances) -> None:
    """A commit that is live already is applied again, and rolled back."""
    draw.after("end", "apply", tag=draw.random.choice((draw.releases[0], FIRST)), force=True, most=SOON)
    draw.after("end", "rollback", at=draw.random.uniform(5, 60))
    _unpauses(draw, 0.7)


def cancelled_while_waiting(draw: Chances) -> None:
    """A release waits for a person, and its cancel meets a failure."""
    random = draw.random
    if draw.maybe(0.7):
        draw.add("pause", at=random.uniform(0, 1))
    else:
        draw.set(approval=True)
    at = random.uniform(20, 60)
    draw.add("cancel", at=at)
    does = random.choice(("kill", "kill", "disk_full", "disk_slow", "write_fails_late"))
    more: Options = {"seconds": draw.seconds()} if does.startswith("disk") else {}
    draw.after("ask cancel", does, most=SOON, **more)
    draw.add("unpause", at=at + random.uniform(5, 60))
    draw.add("approve", at=at + random.uniform(5, 60))


def one_service_down(draw: Chances) -> None:
    """The stack that the updater should adopt is not complete, and operators insist."""
    draw.set(begins="one down", approval=False, enabled=True)
    for _ in range(draw.random.choice((1, 2))):
        does = draw.random.choice(("unpause", "apply", "service_starts", "kill"))
        options: Options = {"tag": draw.releases[0], "force": True} if does == "apply" else {}
        draw.add(does, **options)


# Parts of themes


def _fails_past_flip(draw: Chances, number: int) -> None:
    service, behaviour = draw.random.choice(BAD_PAST_FLIP)
    draw.behaviours[draw.releases[number]] = {service: dict(behaviour)}


def operator_calls(draw: Chances, cue: str, *, at: float = 0.0) -> str:
    """An operator calls; returns the call."""
    call = draw.random.choice(CALLS)
    options: Options = {"tag": draw.random.choice((OLDER, FIRST, *TAGS[:3])), "force": True} if call == "apply" else {}
    draw.after(cue, call, at=at, **options)
    return call


def _unpauses(draw: Chances, chance: float) -> None:
    if draw.maybe(chance):
        draw.add("unpause", at=draw.random.uniform(40, 170))


THEMES: tuple[Theme, ...] = (
    *(undo, undo, killed_after_a_call, killed_after_a_call, call_in_recovery, call_in_recovery),
    *(state_is_lost, state_is_lost, state_is_lost, traefik_stays_behind, slow_route, slow_disk),
    *(again, cancelled_while_waiting, one_service_down),
)
