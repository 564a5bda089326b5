"""Notes on services that call a routed one by a name that may lead to its old color."""

from collections.abc import Mapping
from typing import Any

from app.cli.init.notes import Notes
from app.domain.callers.advice import advise
from app.domain.stack import Stack

ADD = (
    "Add these lines next to the existing ones: `services` in the Compose file, `routed/…` in the stack file (first "
    "move the service's own entrypoint, rule, tls, middlewares and priority into its routes):"
)


def note_callers(model: Mapping[str, Any], stack: Stack, notes: Notes) -> None:
    """Adds each caller, and the lines for the Compose file and the stack file once. Nothing is written there."""
    found = advise(model, stack)
    notes.callers += [advice.text for advice in found]
    if lines := list(dict.fromkeys(advice.lines for advice in found if advice.lines)):
        notes.callers.append(ADD)
        notes.callers += [f"  {line}" for each in lines for line in each]
