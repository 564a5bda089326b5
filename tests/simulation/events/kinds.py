"""The kinds of events: a function each, which an event names, with its options.

A fault that lasts returns what ends it. Of two faults of one kind at once, the later one counts.
"""

from collections.abc import Callable

from tests.simulation.host import Host
from tests.simulation.schedule import Event

End = Callable[[], object]

KINDS: dict[str, Callable[..., End | None]] = {}


def kind(function: Callable[..., End | None]) -> Callable[..., End | None]:
    KINDS[function.__name__] = function
    return function


def do(host: Host, event: Event) -> End | None:
    """Makes the event happen. Returns what ends it, if it lasts. Raises ValueError if there is no such kind."""
    if event.does not in KINDS:
        raise ValueError(f"no event is called {event.does!r}")
    options = {name: value for name, value in event.options.items() if name != "seconds"}
    return KINDS[event.does](host, **options)
