"""Refuses to propose a stack file while Traefik has something of the stack that `init` cannot read or carry over."""

from collections.abc import Iterable, Sequence

from app.cli.errors import Refused
from app.cli.init.answers import COPY, NOTHING_IN, Answers
from app.cli.init.notes import Notes
from app.cli.init.traefik.dynamic.streams import Stream
from app.cli.init.traefik.static.unread import Unread


def refuse_unread(traefik: str | None, unread: Sequence[Unread], answers: Answers, notes: Notes) -> None:
    """Raises Refused with each of `unread` that `answers` leave open; notes the others. `traefik` is the service."""
    left = [each for each in unread if not each.names & set(answers.nothing_in)]
    if left:
        raise Refused(
            f"These parts of the configuration of {traefik or 'Traefik'} cannot be read, and may have routers, "
            "middlewares (such as a password) or TLS options that this stack would lose: "
            f"{'; '.join(each.text for each in left)}.",
            "Do one of these for each, then run this again: make it readable; name a readable copy with "
            f"{COPY} PATH=COPY (of a template: what Traefik makes of it); or, if you are sure that it has nothing of "
            f"this stack, add {NOTHING_IN} {left[0].name}.",
        )
    notes.check += [f"{each.text}. It was not read, because of {NOTHING_IN}." for each in unread]
    names = {name for each in unread for name in each.names}
    notes.check += [f"{NOTHING_IN} {n}: there is no such unread part." for n in answers.nothing_in if n not in names]


def refuse_streams(streams: Iterable[Stream], notes: Notes) -> None:
    """Raises Refused for a TCP router with middlewares or TLS options; notes those without."""
    for stream in streams:
        if stream.guards:
            raise Refused(
                f"{stream.where} leads to a service with two colors, and has {', '.join(stream.guards)}. The stack "
                "file has no TCP routers, so the service would lose this protection.",
                "Route the service by HTTP with the same protection, remove the TCP router, then run this again.",
            )
        notes.check.append(f"{stream.where} leads to a service with two colors: no flip changes TCP routers.")
