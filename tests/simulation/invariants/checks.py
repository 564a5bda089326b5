"""What must hold, one function each. A function returns what is wrong, or None. DESIGN's letters are in brackets.

`on_…` says when it is asked: before a request ends a container, before the route changes, after each effect on the
engine, after each write and answer, at each change by a worker, at each record of a succession, at each message that a
target gets or that is given up, at the time by which an accepted call has to have stopped its rollout, and at the end
of a play, when all faults have ended and the worker had time to converge.
"""

from collections.abc import Callable

Check = Callable[..., str | None]
Checks = list[Check]

on_ending: Checks = []
on_flip: Checks = []
on_effect: Checks = []
on_write: Checks = []
on_answer: Checks = []
on_act: Checks = []
on_record: Checks = []
on_message: Checks = []
on_drop: Checks = []
on_time: Checks = []
at_end: Checks = []


def asked(when: Checks) -> Callable[[Check], Check]:
    def add(check: Check) -> Check:
        when.append(check)
        return check

    return add


def name_of(check: Check) -> str:
    """The invariant as a sentence."""
    return check.__name__.replace("_", " ")
