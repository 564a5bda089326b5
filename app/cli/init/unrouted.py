"""Refuses a service that no router leads to: its clients may pass a password that `init` does not see."""

from collections.abc import Sequence

from app.cli.errors import Refused
from app.cli.init.answers import OPEN, Answers
from app.cli.init.notes import Notes
from app.cli.init.routed import Led


def refuse_unrouted(leads: Sequence[Led], answers: Answers, notes: Notes) -> None:
    """Raises Refused with each service without a route that `answers` do not open."""
    closed = [led.pair for led in leads if not led.taken]
    if left := [pair for pair in closed if pair.name not in answers.opened]:
        which = "; ".join(f"routed/{pair.name} ({pair.blue} and {pair.green})" for pair in left)
        options = " ".join(f"{OPEN} {pair.name}" for pair in left)
        raise Refused(
            f"No router of Traefik that can be followed leads to {which}. Another proxy may ask for a password before "
            "it sends them requests, and a route for all requests would be open.",
            "If a router leads there, let its servers be the services of this project, such as "
            f"http://{left[0].blue}:8000, then run this again. If every client of the entrypoint may reach the "
            f"service, add {options}, and write its rule and middlewares into the file that results.",
        )
    names = {pair.name for pair in closed}
    notes.check += [f"routed/{name}: is open to all clients, because of {OPEN}." for name in sorted(names)]
    notes.check += [f"{OPEN} {n}: there is no such service without a router." for n in answers.opened if n not in names]
