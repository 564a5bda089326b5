"""Names for the stack file, made from those of Compose services, which may have capitals and dots. Pure."""

import re
from collections import Counter
from collections.abc import Mapping
from itertools import chain, count

LENGTH = 50
"""Shorter than the stack file allows, so that a number fits behind it."""

_VALID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_OTHER = re.compile(r"[^a-z0-9_-]+")
FALLBACK = "service"


def unique_names(short: Mapping[str, str]) -> dict[str, str]:
    """Each service of `short` → a valid name that no other one has: the short one, else the service's whole name.

    A name that is valid and unique stays as it is.
    """
    taken = Counter(short.values())
    wanted = {service: name if taken[name] == 1 else service for service, name in short.items()}
    found = {service: name for service, name in wanted.items() if _VALID.fullmatch(name)}
    for service, name in wanted.items():
        tries = (f"{_plain(name)}{end}" for end in chain([""], map("-{}".format, count(2))))
        found.setdefault(service, next(each for each in tries if each not in found.values()))
    return {service: found[service] for service in short}


def _plain(name: str) -> str:
    return _OTHER.sub("-", name.lower()).strip("-_")[:LENGTH] or FALLBACK
