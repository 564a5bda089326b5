"""What a private engine changes in this machine's network, and what takes it back. Text in, words out."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import IPv4Network, ip_network

SUBNETS = tuple(f"10.213.{n}.1/24" for n in range(1, 250))

Tables = dict[str, list[str]]
"""The rules (`-A …`) and chains (`:NAME POLICY`) of each table."""


def free_subnet(routes: str) -> str | None:
    """The first of SUBNETS with no address in `routes`, as `ip route` prints them; None when all are taken.

    A wider route, as a VPN's 10.0.0.0/8, takes none.
    """
    taken = [network for word in routes.split() if (network := _network(word))]
    return next((s for s in SUBNETS if not any(_within(t, ip_network(s, strict=False)) for t in taken)), None)


def _network(word: str) -> IPv4Network | None:
    with suppress(ValueError):
        return IPv4Network(word)
    return None


def _within(inner: IPv4Network, outer: object) -> bool:
    return isinstance(outer, IPv4Network) and inner.subnet_of(outer)


def tables(saved: str) -> Tables:
    """What `iptables-save` printed, by table, without its counters."""
    found: Tables = {}
    rules: list[str] = []
    for line in saved.splitlines():
        if line.startswith("*"):
            rules = found.setdefault(line[1:], [])
        elif line.startswith(":"):
            rules.append(line.rpartition(" [")[0])
        elif line.startswith("-A"):
            rules.append(line)
    return found


def undo(before: Mapping[str, list[str]], after: Mapping[str, list[str]]) -> list[list[str]]:
    """The commands that take out exactly what came since `before`: rules, then chains, then policies that changed."""
    return [
        ["iptables", "-t", table, *words]
        for table, rules in after.items()
        for words in _undo(before.get(table, []), rules)
    ]


def _undo(before: list[str], after: list[str]) -> Iterator[list[str]]:
    new = list((Counter(after) - Counter(before)).elements())
    for rule in (r for r in new if r.startswith("-A")):
        yield ["-D", *shlex.split(rule)[1:]]
    chains = [r.removeprefix(":").split() for r in new if r.startswith(":")]
    for name in (name for name, policy in chains if policy == "-"):
        yield ["-F", name]
        yield ["-X", name]
    policies = dict(r.removeprefix(":").split() for r in before if r.startswith(":"))
    for name in (name for name, policy in chains if policy != "-"):
        yield ["-P", name, policies.get(name, "ACCEPT")]
