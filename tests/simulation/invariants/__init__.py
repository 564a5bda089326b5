"""What must hold: checks.py says when each is asked."""

from tests.simulation.invariants import calls, commands, followers, journal, messages, succession, the_end, traffic
from tests.simulation.invariants.checks import (
    Check,
    at_end,
    name_of,
    on_act,
    on_answer,
    on_drop,
    on_effect,
    on_ending,
    on_flip,
    on_message,
    on_record,
    on_write,
)

__all__ = [
    "Check",
    "at_end",
    "calls",
    "commands",
    "followers",
    "journal",
    "messages",
    "name_of",
    "on_act",
    "on_answer",
    "on_drop",
    "on_effect",
    "on_ending",
    "on_flip",
    "on_message",
    "on_record",
    "on_write",
    "succession",
    "the_end",
    "traffic",
]
