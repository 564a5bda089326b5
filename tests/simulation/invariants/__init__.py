"""What must hold: checks.py says when each is asked."""

from tests.simulation.invariants import calls, journal, the_end, traffic
from tests.simulation.invariants.checks import Check, at_end, name_of, on_answer, on_ending, on_flip, on_write

__all__ = [
    "Check",
    "at_end",
    "calls",
    "journal",
    "name_of",
    "on_answer",
    "on_ending",
    "on_flip",
    "on_write",
    "the_end",
    "traffic",
]
