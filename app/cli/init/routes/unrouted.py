"""Refuses a service that no router leads to: its clients may pass a password that `init` does not see."""

from collections.abc import Collection, Sequence

from app.cli.errors import Refused
from app.cli.init.answers import OPEN, Answers
from app.cli.init.notes import Notes
from app.cli.init.routes.routed import Led
from app.cli.init.routes.routing import named_router
from app.cli.init.traefik.dynamic.labels import has_routers


def refuse_unrouted(leads: Sequence[Led], answers: Answers, notes: Notes, unread_labels: Collection[str] = ()) -> None:
    """Raises Refused with each service without a rule that `answers` do not open.

    A router without a rule has Traefik's default one, for one name; the rule for all requests takes more.
    `unread_labels`: the services whose labels Traefik does not read.
    """
    closed = [led for led in leads if not led.taken or any(way.route.rule is None for way in led.taken)]
    if left := [led for led in closed if led.pair.name not in answers.opened]:
        options = " ".join(f"{OPEN} {led.pair.name}" for led in left)
        raise Refused(
            f"{' '.join(_what(led, unread_labels) for led in left)} A route for all requests would be open.",
            "If a router leads there, give it a rule, and let its servers be the services of this project, such as "
            f"http://{left[0].pair.blue}:8000, then run this again. If every client of the entrypoint may reach the "
            f"service, add {options}, and write its rule and middlewares into the file that results.",
        )
    names = {led.pair.name for led in closed}
    notes.check += [f"routed/{name}: is open to all clients, because of {OPEN}." for name in sorted(names)]
    notes.check += [f"{OPEN} {n}: there is no such service without a router." for n in answers.opened if n not in names]


def _what(led: Led, unread_labels: Collection[str]) -> str:
    pair = led.pair
    if bare := next((way for way in led.taken if way.route.rule is None), None):
        return f"routed/{pair.name}: {named_router(bare)} has no rule, and Traefik's default rule is not known."
    labeled = [copy.name for copy in led.both if copy.name in unread_labels and has_routers(copy.service)]
    ignored = f"; it does not read the labels of {' and '.join(labeled)}" if labeled else ""
    return (
        f"No router of Traefik that can be followed leads to routed/{pair.name} ({pair.text}){ignored}; "
        "another proxy may ask for a password before it sends them requests."
    )
