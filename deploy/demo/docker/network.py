"""Finds what a private engine changed in this machine's network, and the commands that undo it. Pure functions."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import IPv4Network, ip_network

SUBNETS = tuple(f"10.213.{n}.1/24" for n in range(1, 250))

Tables = dict[str, list[str]]
"""The rules (`-A …`) and chains (`:NAME POLICY`) of each table."""


def free_subnet(routes: str) -> str | None:
    """Returns the first of SUBNETS with no address in `routes`, the output of `ip route`; None if all are in use.

    A wider route, such as a VPN's 10.0.0.0/8, does not count.
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
    """Parses the output of `iptables-save` by table, without the counters."""
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
    """Returns the commands that remove exactly what was added since `before`: rules, chains, changed policies."""
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
