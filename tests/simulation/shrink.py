"""Shrinks a schedule that violates an invariant, to what the violation needs."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.simulation.schedule import Schedule, Setting

TRIES = 400
"""The most plays that one shrinking may take."""


def shrink(schedule: Schedule, fails: Callable[[Schedule], bool], *, tries: int = TRIES) -> Schedule:
    """The smallest schedule found that still `fails`: fewer events first, then simpler ones."""
    left = tries
    progress = True
    while progress and left > 0:
        progress = False
        for smaller in _smaller(schedule):
            left -= 1
            if left <= 0:
                break
            if fails(smaller):
                schedule, progress = smaller, True
                break
    return schedule


def _smaller(schedule: Schedule) -> Iterator[Schedule]:
    """Schedules that are simpler by one step, the largest steps first."""
    yield from _with_fewer_events(schedule)
    for tag in schedule.behaviours:
        yield replace(schedule, behaviours={t: b for t, b in schedule.behaviours.items() if t != tag})
    for name, value in vars(schedule.setting).items():
        default = getattr(Setting(), name)
        if value != default:
            yield replace(schedule, setting=replace(schedule.setting, **{name: default}))
    yield from _with_simpler_events(schedule)


def _with_fewer_events(schedule: Schedule) -> Iterator[Schedule]:
    numbers = range(len(schedule.events))
    size = len(schedule.events) // 2
    while size >= 1:
        for start in numbers[::size]:
            yield schedule.without(*numbers[start : start + size])
        size //= 2


def _with_simpler_events(schedule: Schedule) -> Iterator[Schedule]:
    for number, event in enumerate(schedule.events):
        changes = [
            replace(event, at=float(round(event.at))),
            replace(event, turns=event.turns // 2),
            replace(event, at=0.0) if event.cue else event,
        ]
        for changed in changes:
            if changed != event:
                events = (*schedule.events[:number], changed, *schedule.events[number + 1 :])
                yield replace(schedule, events=events)
