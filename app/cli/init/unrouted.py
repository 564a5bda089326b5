"""Refuses a service that no router leads to: its clients may pass a password that `init` does not see."""

from collections.abc import Sequence

from app.cli.errors import Refused
from app.cli.init.answers import OPEN, Answers
from app.cli.init.notes import Notes
from app.cli.init.routed import Led
from app.cli.init.routing import named_router


def refuse_unrouted(leads: Sequence[Led], answers: Answers, notes: Notes) -> None:
    """Raises Refused with each service without a rule that `answers` do not open.

    A router without a rule has Traefik's default one, for one name; the rule for all requests takes more.
    """
    closed = [led for led in leads if all(way.route.rule is None for way in led.taken)]
    if left := [led for led in closed if led.pair.name not in answers.opened]:
        options = " ".join(f"{OPEN} {led.pair.name}" for led in left)
        raise Refused(
            f"{' '.join(map(_what, left))} A route for all requests would be open.",
            "If a router leads there, give it a rule, and let its servers be the services of this project, such as "
            f"http://{left[0].pair.blue}:8000, then run this again. If every client of the entrypoint may reach the "
            f"service, add {options}, and write its rule and middlewares into the file that results.",
        )
    names = {led.pair.name for led in closed}
    notes.check += [f"routed/{name}: is open to all clients, because of {OPEN}." for name in sorted(names)]
    notes.check += [f"{OPEN} {n}: there is no such service without a router." for n in answers.opened if n not in names]


def _what(led: Led) -> str:
    pair = led.pair
    if led.way:
        return f"routed/{pair.name}: {named_router(led.way)} has no rule, and Traefik's default rule is not known."
    return (
        f"No router of Traefik that can be followed leads to routed/{pair.name} ({pair.blue} and {pair.green}); "
        "another proxy may ask for a password before it sends them requests."
    )
