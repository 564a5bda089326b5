"""Reads the TLS options of a router. Pure.

https://doc.traefik.io/traefik/reference/routing-configuration/http/tls/tls-certificates/
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from app.cli.init.traefik.dynamic.options import listed, part

_TEXTS = frozenset({"certresolver", "options"})
_OF_A_LABEL = re.compile(r"domains\[(\d+)\]")


def kept_tls(tls: object) -> dict[str, Any]:
    """What the stack file can express, as `tls` of a route."""
    if not isinstance(tls, Mapping):
        return {}
    kept: dict[str, Any] = {str(k): v for k, v in tls.items() if str(k).lower() in _TEXTS and isinstance(v, str)}
    domains = [_domain(each) for each in _domains(tls)]
    return kept | ({"domains": domains} if domains and all(domains) else {})


def lost_of_tls(tls: object) -> Iterator[str]:
    """Each option that the stack file cannot express, as `tls/key`."""
    if not isinstance(tls, Mapping):
        return
    kept = {str(key).lower() for key in kept_tls(tls)}
    keys = ("domains" if _OF_A_LABEL.fullmatch(str(key).lower()) else str(key) for key in tls)
    yield from (f"tls/{key}" for key in dict.fromkeys(keys) if key.lower() not in kept)


def _domains(tls: Mapping[str, Any]) -> list[object]:
    """Those of a file, or of labels such as `domains[0].main`, in the order of their numbers."""
    if isinstance(in_file := part(tls, "domains"), list):
        return in_file
    numbers = {int(found[1]): tls[key] for key in tls if (found := _OF_A_LABEL.fullmatch(str(key).lower()))}
    return [numbers[n] for n in sorted(numbers)]


def _domain(content: object) -> dict[str, Any] | None:
    """None if it has no `main`, or another key."""
    main, sans = part(content, "main"), listed(part(content, "sans"))
    known = isinstance(content, Mapping) and {str(key).lower() for key in content} <= {"main", "sans"}
    if not known or not isinstance(main, str) or not main:
        return None
    return {"main": main, **({"sans": sans} if sans else {})}
