"""Notes on services that call a routed one by a name that may lead to its old color."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.cli.init.notes import Notes
from app.domain.callers.advice import advise
from app.domain.callers.compose import services_of
from app.domain.callers.names import FORMER_NAMES
from app.domain.stack import Stack

ADD = (
    "Add these lines next to the existing ones: `services` in the Compose file, `routed/…` in the stack file (first "
    "move the service's own entrypoint, rule, tls, middlewares and priority into its routes):"
)
OWN_NAMES = ("container_name", "networks")
"""Keys with names that belong to no color."""


def note_callers(model: Mapping[str, Any], stack: Stack, notes: Notes) -> None:
    """Adds each caller, and the lines for the Compose file and the stack file once. Nothing is written there."""
    found = advise(_with_colors(model, stack), stack)
    notes.callers += [advice.text for advice in found]
    if lines := list(dict.fromkeys(advice.lines for advice in found if advice.lines)):
        notes.callers.append(ADD)
        notes.callers += [f"  {line}" for each in lines for line in each]


def _with_colors(model: Mapping[str, Any], stack: Stack) -> Mapping[str, Any]:
    """`model` with the colors that the updater makes, as far as names and calls go."""
    services, former = dict(services_of(model)), dict[str, list[str]]()
    for routed in stack.routed:
        if routed.made_from in services:
            written = services.pop(routed.made_from)
            former[routed.name] = list(_names(written))
            networks = dict.fromkeys(written.get("networks") or ())
            color = {**{k: v for k, v in written.items() if k not in OWN_NAMES}, "networks": networks}
            services |= dict.fromkeys(routed.colors.values(), color)
    return {**model, "services": services, FORMER_NAMES: former}


def _names(service: Mapping[str, Any]) -> Iterator[str]:
    if name := service.get("container_name"):
        yield str(name)
    networks = service.get("networks")
    for settings in networks.values() if isinstance(networks, Mapping) else ():
        yield from (str(alias) for alias in (settings or {}).get("aliases") or ())
