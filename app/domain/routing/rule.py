"""Rules of Traefik's routers: read and checked, as Traefik does.

The syntax is that of Traefik 3: matchers, `&&`, `||`, `!` and parentheses; a value is in backticks or double quotes.
https://doc.traefik.io/traefik/reference/routing-configuration/http/routing/rules-and-priority/
"""

import json
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from app.domain.routing.matchers import Matcher, RuleInvalid, checked

_TOKEN = re.compile(
    r'\s*(?:(?P<word>[A-Za-z_]\w*)|(?P<raw>`[^`]*`)|(?P<quoted>"(?:\\.|[^"\\\n])*")|(?P<sign>&&|\|\||[!(),]))'
)
_ENDS = {*string.ascii_letters, *string.digits, "_", "`", '"', ")"}
"""After these, a line break ends the rule, as in Go. https://go.dev/ref/spec#Semicolons"""


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
        return checked(token, tuple(values))

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
