"""Rules of Traefik's routers: read and checked, as Traefik does.

The syntax is that of Traefik 3: matchers, `&&`, `||`, `!` and parentheses; a value is in backticks or double quotes.
https://doc.traefik.io/traefik/reference/routing-configuration/http/routing/rules-and-priority/
"""

import ipaddress
import json
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

_TOKEN = re.compile(
    r'\s*(?:(?P<word>[A-Za-z_]\w*)|(?P<raw>`[^`]*`)|(?P<quoted>"(?:\\.|[^"\\\n])*")|(?P<sign>&&|\|\||[!(),]))'
)
_ENDS = {*string.ascii_letters, *string.digits, "_", "`", '"', ")"}
"""After these, a line break ends the rule, as in Go. https://go.dev/ref/spec#Semicolons"""

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


@dataclass(frozen=True)
class Both:
    left: "Tree"
    right: "Tree"


@dataclass(frozen=True)
class Either:
    left: "Tree"
    right: "Tree"


Tree = Matcher | Both | Either


@cache
def parse(rule: str) -> Tree:
    """The rule as a tree. Raises RuleInvalid."""
    try:
        return _Parser(rule).whole()
    except RecursionError:
        raise RuleInvalid("It is nested too deeply") from None


def has(rule: str, name: str) -> bool:
    """Whether the rule has the matcher `name`."""
    return any(matcher.name == name for matcher in matchers_of(parse(rule)))


def matchers_of(tree: Tree) -> Iterator[Matcher]:
    """Every matcher of the rule, from left to right."""
    if isinstance(tree, Matcher):
        yield tree
        return
    yield from matchers_of(tree.left)
    yield from matchers_of(tree.right)


class _Parser:
    """Recursive descent; `&&` binds more tightly than `||`, as in Go, whose expressions the rules are."""

    def __init__(self, rule: str) -> None:
        self._tokens = list(_tokens(rule))
        self._at = 0

    def whole(self) -> Tree:
        tree = self._either()
        if (left := self._next()) is not None:
            raise RuleInvalid(f"{left} is not expected there: join matchers with && or ||")
        return tree

    def _either(self) -> Tree:
        trees = [self._both()]
        while self._take("||"):
            trees.append(self._both())
        return _joined(Either, trees)

    def _both(self) -> Tree:
        trees = [self._one()]
        while self._take("&&"):
            trees.append(self._one())
        return _joined(Both, trees)

    def _one(self) -> Tree:
        if self._take("!"):
            return _inverted(self._one())
        if self._take("("):
            tree = self._either()
            self._demand(")")
            return tree
        return self._matcher()

    def _matcher(self) -> Matcher:
        token = self._next()
        if token is None or not token[0].isalpha():
            raise RuleInvalid(f"{token or 'its end'} stands where a matcher should be, such as Host(`example.org`)")
        self._at += 1
        self._demand("(")
        values: list[str] = []
        while not self._take(")"):
            if values:
                self._demand(",")
            values.append(self._value())
        return _checked(token, tuple(values))

    def _value(self) -> str:
        token = self._next()
        if token is None or token[0] not in '`"':
            raise RuleInvalid(f"{token or 'its end'} stands where a value in backticks should be")
        self._at += 1
        if token[0] == "`":
            return token[1:-1]
        try:
            return str(json.loads(token))
        except ValueError:
            raise RuleInvalid(f"{token} has an unknown escape: write the value in backticks") from None

    def _next(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, token: str) -> bool:
        found = self._next() == token
        self._at += found
        return found

    def _demand(self, token: str) -> None:
        if not self._take(token):
            raise RuleInvalid(f"{self._next() or 'its end'} stands where {token} should be")


def _joined(kind: type[Both] | type[Either], trees: list[Tree]) -> Tree:
    """A balanced tree, so that a rule with a thousand hosts is not a thousand levels deep."""
    if len(trees) == 1:
        return trees[0]
    middle = len(trees) // 2
    return kind(_joined(kind, trees[:middle]), _joined(kind, trees[middle:]))


def _tokens(rule: str) -> Iterator[str]:
    at, end, before = 0, len(rule.rstrip()), ""
    while at < end:
        found = _TOKEN.match(rule, at)
        if found is None:
            odd = rule[at:].lstrip()
            if odd[0] in '`"':
                raise RuleInvalid(f"{odd} is a value without its end")
            hint = ": write values in backticks" if odd[0] == "'" else ""
            raise RuleInvalid(f"{odd[0]} is not expected there{hint}")
        token = str(found[found.lastgroup or 0])
        if before and before[-1] in _ENDS and "\n" in rule[at : found.start(found.lastgroup or 0)]:
            raise RuleInvalid(f"A line break after {before} ends the rule: put {token} on the same line as {before}")
        yield token
        at, before = found.end(), token


def _inverted(tree: Tree) -> Tree:
    if isinstance(tree, Matcher):
        return replace(tree, wanted=not tree.wanted)
    other = Either if isinstance(tree, Both) else Both
    return other(_inverted(tree.left), _inverted(tree.right))


def _checked(word: str, values: tuple[str, ...]) -> Matcher:
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
