"""Notes on services that call a routed one by a name that may lead to its old color."""

from collections.abc import Mapping
from typing import Any

from app.cli.init.notes import Notes
from app.domain.callers.advice import advise
from app.domain.stack import Stack


def note_callers(model: Mapping[str, Any], stack: Stack, notes: Notes) -> None:
    """Adds each caller, and the lines for the Compose file and the stack file once. Nothing is written there."""
    found = advise(model, stack)
    notes.callers += [advice.text for advice in found]
    if lines := list(dict.fromkeys(advice.lines for advice in found if advice.lines)):
        notes.callers.append("Add, beside what is there:")
        notes.callers += [f"  {line}" for each in lines for line in each]
