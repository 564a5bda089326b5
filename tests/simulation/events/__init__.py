"""What an event does."""

from tests.simulation.events import around, machine, messages, people, updater
from tests.simulation.events.kinds import KINDS, do

__all__ = ["KINDS", "around", "do", "machine", "messages", "people", "updater"]
