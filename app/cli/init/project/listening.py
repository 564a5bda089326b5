"""The port that a service listens on by its environment: `PORT`, `API_PORT` of the service api. Pure."""

from collections.abc import Collection, Iterator, Mapping

from app.cli.init.project.service_facts import port_number

_SUFFIX = "_PORT"
_GENERAL = frozenset({"HTTP", "HTTPS", "SERVER", "LISTEN", "LISTENING", "APP", "WEB", "BIND"})
_HOSTS = ("_HOST", "_BIND", "_ADDRESS", "_ADDR", "_INTERFACE", "_LISTEN")
_OWN_HOSTS = frozenset({"", "0.0.0.0", "127.0.0.1", "localhost", "::", "[::]", "::1", "[::1]", "*"})


def environment_ports(
    environment: Mapping[str, str], names: Collection[str], others: Collection[str] = ()
) -> dict[str, int]:
    """Variable → port, of those that say the most: the service's own name, then `PORT`, then others.

    `names` are what the service is called, `others` what the project's other services are called: a file of variables
    that all services share names the ports of all of them. A variable whose host is another machine (`REDIS_HOST`,
    `REDIS_PORT`) says where that one listens.
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
    """No host beside the port, or one of the container's own."""
    return all(environment.get(f"{prefix}{host}", "").strip().lower() in _OWN_HOSTS for host in _HOSTS)


def _has_host(prefix: str, environment: Mapping[str, str]) -> bool:
    return any(environment.get(f"{prefix}{host}", "").strip() for host in _HOSTS)


def _variable(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name.upper())
