"""Weighs the addresses that a health check requests: the updater asks one path, at the port of the traffic. Pure."""

from collections.abc import Iterator, Sequence

from app.cli.init.evidence import Statement
from app.cli.init.project.health_checks import ProbeAddress
from app.cli.init.project.health_options import without_secret


def paths_of(addresses: Sequence[ProbeAddress], port: int | None, where: str) -> list[Statement[str]]:
    """One statement about the paths at `port`, else about those at other ports, with a doubt; none without a path.

    A path with a variable that is not known has no value, only a doubt.
    """
    every = [each for each in addresses if each.path or each.unknown]
    here = [each for each in every if each.port is None or port is None or each.port == port]
    chosen = here or every
    if not chosen:
        return []
    known = [each for each in chosen if each.path]
    best = next(iter(known), chosen[0])
    shown = [without_secret(each.path) for each in known if each.path]
    doubts = [*_doubts(chosen), *(doubt for _, found in shown for doubt in found)]
    doubts += [] if here else [f"asks port {best.port}, and traffic goes to port {port}"]
    values = tuple(dict.fromkeys(path for path, _ in shown))
    return [Statement(values, where, options=best.options.values, doubt=", ".join(dict.fromkeys(doubts)))]


def _doubts(addresses: Sequence[ProbeAddress]) -> Iterator[str]:
    for each in addresses:
        if each.unknown:
            yield f"asks {without_secret(each.unknown)[0]}, of which a value is not known here"
        yield from each.options.doubts
