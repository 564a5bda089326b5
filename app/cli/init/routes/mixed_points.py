"""Gives each entrypoint routes of one kind, with TLS or without: the stack file has one URL for it. Pure."""

from collections.abc import Sequence

from app.cli.init.notes import Notes
from app.cli.init.project.service_facts import HTTPS
from app.cli.init.routes.routing import Points, Way


def of_one_kind(every: Sequence[tuple[Way, ...]], points: Points, notes: Notes) -> list[tuple[Way, ...]]:
    """`every` without ways of the other kind whose router has another entrypoint: a router that names none is at all.

    Adds a question about each entrypoint that still has both kinds.
    """
    mixed = _mixed([way for ways in every for way in ways], points)
    kept = [tuple(way for way in ways if not _is_elsewhere(way, ways, mixed, points)) for ways in every]
    for ways, left in zip(every, kept, strict=True):
        notes.check += [f"{_without(way, points)} It was left out." for way in ways if way not in left]
    for name in sorted(_mixed([way for ways in kept for way in ways], points)):
        what = "has routes with TLS and routes without, and this file has one URL for it: give each kind its own"
        notes.ask(f"traefik/entrypoints/{name}", what)
    return kept


def _mixed(ways: Sequence[Way], points: Points) -> set[str]:
    kinds: dict[str, set[bool]] = {}
    for way in ways:
        kinds.setdefault(way.entrypoint, set()).add(way.is_secure(points))
    return {name for name, both in kinds.items() if len(both) > 1}


def _is_elsewhere(way: Way, ways: Sequence[Way], mixed: set[str], points: Points) -> bool:
    """Whether `way` is of the other kind at its entrypoint, and its router has a way where it is not."""
    same = [each for each in ways if each.route == way.route]
    return _is_odd(way, mixed, points) and not all(_is_odd(each, mixed, points) for each in same)


def _is_odd(way: Way, mixed: set[str], points: Points) -> bool:
    takes_tls = way.entrypoint in points and points[way.entrypoint].port == HTTPS
    return way.entrypoint in mixed and way.is_secure(points) is not takes_tls


def _without(way: Way, points: Points) -> str:
    takes, others = ("only TLS", "none") if way.is_secure(points) else ("no TLS", "only TLS")
    return f"{way.route.where} takes {takes} at {way.entrypoint}, where another router takes {others}."
