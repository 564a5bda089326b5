"""Finds a request that a rule of Traefik's matches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from app.domain.routing.matchers import ADDRESS, Matcher, expression
from app.domain.routing.rule import Either, Tree, matchers_of, parse

_UNLIKELY = "/updater-probe"
OTHER_PATHS = ("/", _UNLIKELY)
"""Asked for where a rule, or another route, excludes the path that is wanted."""

_ANY_LABEL = "updater-probe"
"""Stands for the `*` of a host."""

_ANY_HOST = f"{_ANY_LABEL}.invalid"
"""Stands for a host that no rule names: https://www.rfc-editor.org/rfc/rfc2606"""

_MOST = 256
"""How many ways to match a rule are tried. A rule with more is not asked about."""


@dataclass(frozen=True)
class Client:
    """A request as a rule sees it. `host` is without a port and in lower case.

    `query` and `headers` have one value for each name.
    """

    host: str
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


def client_of(rule: str, like: Client) -> Client | None:
    """A request that `rule` matches, as `like` as possible; None if none is found.

    See `clients_of`.
    """
    return next(iter(clients_of(rule, like)), None)


def clients_of(rule: str, like: Client) -> list[Client]:
    """Requests that `rule` matches, those most `like` it first.

    A regular expression is never made up: `like` matches it, or no request is found. `ClientIP` is left to Traefik.
    """
    starts = [like, *(replace(like, path=path, query={}) for path in OTHER_PATHS)]
    made = [_matching(matchers, start) for start in starts for matchers in _ways(parse(rule))]
    return sorted(filter(None, made), key=lambda found: _changes(found, like))


def matches(rule: str, client: Client) -> bool:
    """Whether `rule` may match the request. `ClientIP` may match every one."""
    return any(_holds(matchers, client) for matchers in _ways(parse(rule)))


def takes(first: str, second: str) -> bool:
    """Whether a router with the rule `first`, if Traefik asks it first, leaves one with the rule `second` no request.

    Tried with requests for each host and path that `second` names, and for others where it names none. False if no
    request can be made up for a part of `second`, and if an address of the client decides. Raises RuleInvalid.
    """
    if any(matcher.name == ADDRESS for matcher in matchers_of(parse(first))):
        return False
    starts = [Client(_ANY_HOST, path) for path in OTHER_PATHS]
    made = [[_matching(way, start) for start in starts] for way in _ways(parse(second))]
    return all(any(each) and all(client is None or matches(first, client) for client in each) for each in made)


def _matching(matchers: Sequence[Matcher], start: Client) -> Client | None:
    """`start` with the changes that the wanted `matchers` need; None if it then does not match all of them."""
    made = start
    for matcher in matchers:
        change = _CHANGE.get(matcher.name)
        if change and matcher.wanted and not _MATCH[matcher.name](made, matcher.values):
            made = change(made, matcher.values)
    return made if _holds(matchers, made) else None


def _holds(matchers: Sequence[Matcher], client: Client) -> bool:
    return all(_MATCH[m.name](client, m.values) is m.wanted for m in matchers if m.name != ADDRESS)


def _changes(made: Client, like: Client) -> tuple[bool, bool, bool, int]:
    """How far the request is from `like`: another path is worst, then another method, then another host."""
    more = len(made.headers) + len(made.query) - len(like.headers) - len(like.query)
    return made.path != like.path, made.method != like.method, made.host != like.host, more


def _ways(tree: Tree) -> Iterator[tuple[Matcher, ...]]:
    """The conjunctions that the rule accepts, the first ones first; no more than _MOST."""
    for n, way in enumerate(_all_ways(tree)):
        if n == _MOST:
            return
        yield way


def _all_ways(tree: Tree) -> Iterator[tuple[Matcher, ...]]:
    if isinstance(tree, Matcher):
        yield (tree,)
    elif isinstance(tree, Either):
        yield from _all_ways(tree.left)
        yield from _all_ways(tree.right)
    else:
        for left, right in product(_ways(tree.left), _ways(tree.right)):
            yield (*left, *right)


def _header(client: Client, name: str) -> str | None:
    return next((value for key, value in client.headers.items() if key.lower() == name.lower()), None)


def _header_like(client: Client, name: str, pattern: str) -> bool:
    value = _header(client, name)
    return value is not None and bool(expression(pattern).search(value))


def _host_is(client: Client, values: Sequence[str]) -> bool:
    host, name = client.host.rstrip("."), values[0].lower().rstrip(".")
    label, _, domain = host.partition(".")
    return bool(label) and domain == name[2:] if name.startswith("*.") else host == name


def _query_is(client: Client, values: Sequence[str]) -> bool:
    return client.query.get(values[0]) == (values[1] if len(values) > 1 else "")


def _query_like(client: Client, values: Sequence[str]) -> bool:
    if len(values) == 1:
        return _query_is(client, values)
    return values[0] in client.query and bool(expression(values[1]).search(client.query[values[0]]))


_MATCH: Mapping[str, Callable[[Client, Sequence[str]], bool]] = {
    "Host": _host_is,
    "HostRegexp": lambda c, v: bool(expression(v[0]).search(c.host)),
    "Path": lambda c, v: c.path == v[0],
    "PathPrefix": lambda c, v: c.path.startswith(v[0]),
    "PathRegexp": lambda c, v: bool(expression(v[0]).search(c.path)),
    "Method": lambda c, v: c.method == v[0].upper(),
    "Header": lambda c, v: _header(c, v[0]) == v[1],
    "HeaderRegexp": lambda c, v: _header_like(c, v[0], v[1]),
    "Query": _query_is,
    "QueryRegexp": _query_like,
}

_CHANGE: Mapping[str, Callable[[Client, Sequence[str]], Client]] = {
    "Host": lambda c, v: replace(c, host=_ANY_LABEL + v[0].lower()[1:] if v[0].startswith("*.") else v[0].lower()),
    "Path": lambda c, v: replace(c, path=v[0]),
    "PathPrefix": lambda c, v: replace(c, path=v[0].rstrip("/") + _UNLIKELY if c.path == _UNLIKELY else v[0]),
    "Method": lambda c, v: replace(c, method=v[0].upper()),
    "Header": lambda c, v: replace(c, headers={**c.headers, v[0]: v[1]}),
    "Query": lambda c, v: replace(c, query={**c.query, v[0]: v[1] if len(v) > 1 else ""}),
}
