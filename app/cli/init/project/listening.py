"""Finds the port of a service in its environment: `PORT`, or `API_PORT` of the service api. Pure."""

from collections.abc import Collection, Iterator, Mapping

from app.cli.init.project.service_facts import port_number

_SUFFIX = "_PORT"
_GENERAL = frozenset({"HTTP", "HTTPS", "SERVER", "LISTEN", "LISTENING", "APP", "WEB", "BIND"})
_HOSTS = ("_HOST", "_BIND", "_ADDRESS", "_ADDR", "_INTERFACE", "_LISTEN")
_OWN_HOSTS = frozenset({"", "0.0.0.0", "127.0.0.1", "localhost", "::", "[::]", "::1", "[::1]", "*"})


def environment_ports(
    environment: Mapping[str, str], names: Collection[str], others: Collection[str] = ()
) -> dict[str, int]:
    """Variable → port, only for the best kind of variable: with the service's own name, then `PORT`, then others.

    `names` are the service's names, `others` those of the project's other services: a shared file of variables has the
    ports of all services. A variable with another machine as its host (`REDIS_HOST`, `REDIS_PORT`) is skipped.
    """
    own, foreign = {_variable(name) for name in names}, {_variable(name) for name in others}
    ports = {n.removesuffix(_SUFFIX): (n, port) for n, port in _ports(environment)}
    every = {prefix: ports[prefix] for prefix in ports if _listens(prefix, environment) and prefix not in foreign - own}
    ranks = (
        lambda prefix: prefix in own,
        lambda prefix: prefix in {f"{name}_{general}" for name in own for general in _GENERAL},
        lambda prefix: prefix == "PORT",
        lambda prefix: prefix in _GENERAL,
        lambda prefix: any(name.startswith(f"{prefix}_") or name.endswith(f"_{prefix}") for name in own),
        lambda prefix: _has_host(prefix, environment),
    )
    found = next((said for rank in ranks if (said := [p for p in every if rank(p)])), [])
    return dict(every[prefix] for prefix in found)


def _ports(environment: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    for name, value in environment.items():
        port = port_number(value.strip())
        if port and (name == "PORT" or name.endswith(_SUFFIX)):
            yield name, port


def _listens(prefix: str, environment: Mapping[str, str]) -> bool:
    """Whether the port has no host variable, or only one that names the container itself."""
    return all(environment.get(f"{prefix}{host}", "").strip().lower() in _OWN_HOSTS for host in _HOSTS)


def _has_host(prefix: str, environment: Mapping[str, str]) -> bool:
    return any(environment.get(f"{prefix}{host}", "").strip() for host in _HOSTS)


def _variable(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name.upper())
