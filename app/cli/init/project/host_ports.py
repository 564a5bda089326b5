"""Which published port of this machine leads to a service, at which of the machine's addresses. Pure.

https://docs.docker.com/reference/compose-file/services/#ports
"""

from collections.abc import Iterator, Mapping

from app.cli.init.project.service_facts import Service, entries, port_number

HOST_NAMES = frozenset({"host.docker.internal", "gateway.docker.internal", "host-gateway", "localhost"})
"""Names of this machine, as its containers may know it."""

EVERY = frozenset({"", "0.0.0.0", "::"})


def publishes_to(service: Service, host: str, port: int | None) -> bool:
    """Whether `port` of `host` may be a port that `service` publishes. A port of a range is not found."""
    return any(p == port and _may_be_at(address, host) for address, p in _published(service))


def is_this_machine(service: Service, host: str, port: int | None) -> bool:
    """Whether that is certain, and not only an address that this machine may have."""
    return host in HOST_NAMES or any(p == port and host == address for address, p in _published(service))


def _may_be_at(address: str, host: str) -> bool:
    """Whether `host` may lead to `address` of this machine, where the port is published."""
    return host in HOST_NAMES or address in {*EVERY, host}


def _published(service: Service) -> Iterator[tuple[str, int]]:
    """Address of the machine, empty for all, and port."""
    for each in entries(service.get("ports")):
        if isinstance(each, Mapping):
            address, text = str(each.get("host_ip") or ""), str(each.get("published"))
        else:
            address, _, text = str(each).partition("/")[0].rpartition(":")[0].rpartition(":")
        if port := port_number(text):
            yield address.strip("[]"), port
