"""What an event does."""

from tests.simulation.events import around, machine, people
from tests.simulation.events.kinds import KINDS, do

__all__ = ["KINDS", "around", "do", "machine", "people"]
