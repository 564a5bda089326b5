"""The matchers of Traefik's rules: which there are, and what each takes.

https://doc.traefik.io/traefik/reference/routing-configuration/http/routing/rules-and-priority/
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

ADDRESS = "ClientIP"

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,254}}$)(\*\.)?{_LABEL}(\.{_LABEL})*\.?")
"""A leading `*.` stands for exactly one label, since Traefik 3.7. https://github.com/traefik/traefik/pull/12884"""


class RuleInvalid(ValueError):
    """Traefik rejects the rule. The message says why, and what to write."""


@dataclass(frozen=True)
class Matcher:
    """One condition of a rule. `wanted`: False if the rule demands that it does not match."""

    name: str
    values: tuple[str, ...]
    wanted: bool = True


def checked(word: str, values: tuple[str, ...]) -> Matcher:
    """The matcher that a rule writes as `word` with `values`. Raises RuleInvalid if Traefik would reject it."""
    name = _NAMES.get(word)
    if name is None:
        raise RuleInvalid(f"{word} is no matcher of Traefik 3 ({', '.join(_COUNTS)})")
    if len(values) not in _COUNTS[name]:
        raise RuleInvalid(_wrong_count(name, values))
    if problem := _problem(name, values):
        raise RuleInvalid(problem)
    return Matcher(name, values)


def _wrong_count(name: str, values: Sequence[str]) -> str:
    if _COUNTS[name] == (1,) and len(values) > 1:
        each = " || ".join(f"{name}(`{value}`)" for value in values)
        return f"{name} takes one value: write {each}"
    return f"{name} takes {' or '.join(map(str, _COUNTS[name]))} values, not {len(values)}"


def _problem(name: str, values: Sequence[str]) -> str | None:
    if name in {"Path", "PathPrefix"} and not values[0].startswith("/"):
        return f"{name}(`{values[0]}`): the path must start with /"
    if name in {"Host", "HostRegexp"} and not values[0].isascii():
        return f"{name}(`{values[0]}`): write the name in ASCII (xn--…)"
    if name == "Host" and not _HOST.fullmatch(values[0]):
        return (
            f"Host(`{values[0]}`) is not a host name: write the name alone, without scheme or port; only *. may lead it"
        )
    if name == ADDRESS:
        try:
            ipaddress.ip_network(values[0], strict=False)
        except ValueError:
            return f"ClientIP(`{values[0]}`) is neither an address nor a range such as 10.0.0.0/8"
    return _bad_expression(name, values)


@cache
def expression(pattern: str) -> "re.Pattern[str]":
    """Go's expression as Python's. Where Python has nothing alike, one that matches nothing. Raises re.error."""
    if _ONLY_GO.search(pattern):
        return _NOTHING
    for name, characters in _CLASSES.items():
        pattern = pattern.replace(f"[:{name}:]", characters)
    flags = re.I if "(?i)" in pattern else 0  # Python takes it only at the start
    return re.compile(pattern.replace("(?i)", "", 1).replace("(?<", "(?P<").replace(r"\z", r"\Z"), flags)


def _bad_expression(name: str, values: Sequence[str]) -> str | None:
    """Finds an unfinished expression, and what only Python's have."""
    if not name.endswith("Regexp"):
        return None
    if found := _ONLY_PYTHON.search(values[-1]):
        return f"{name}(`{values[-1]}`) has {found[1]}, which Traefik's expressions do not know"
    try:
        expression(values[-1])
    except re.error as error:
        return f"{name}(`{values[-1]}`) is not a regular expression ({error})"
    return None


_ONLY_PYTHON = re.compile(r"(?<!\\)(?:\\\\)*(\(\?(?:<?[=!]|>|\(|P=)|\\[1-9])")
"""Looking ahead and behind, back references, conditions. https://github.com/google/re2/wiki/Syntax"""
_ONLY_GO = re.compile(r"\\[pPQC]|\(\?[a-zA-Z]*U")
_NOTHING = re.compile(r"(?!)")
_CLASSES = {
    "alpha": "A-Za-z",
    "digit": "0-9",
    "alnum": "0-9A-Za-z",
    "lower": "a-z",
    "upper": "A-Z",
    "space": r"\s",
    "word": r"\w",
    "xdigit": "0-9A-Fa-f",
    "punct": r"!-/:-@\[-`{-~",
}
_COUNTS: Mapping[str, tuple[int, ...]] = {
    "Host": (1,),
    "HostRegexp": (1,),
    "Path": (1,),
    "PathPrefix": (1,),
    "PathRegexp": (1,),
    "Method": (1,),
    "Header": (2,),
    "HeaderRegexp": (2,),
    "Query": (1, 2),
    "QueryRegexp": (1, 2),
    ADDRESS: (1,),
}
_NAMES = {form: name for name in _COUNTS for form in (name, name.lower(), name.upper(), name.capitalize())}
