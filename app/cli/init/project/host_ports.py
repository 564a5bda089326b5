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
    return bool(ports_behind(service, host, port))


def ports_behind(service: Service, host: str, port: int | None) -> list[int]:
    """The ports in the container to which `port` of `host` may lead."""
    return [inside for address, p, inside in _published(service) if p == port and _may_be_at(address, host)]


def is_this_machine(service: Service, host: str, port: int | None) -> bool:
    """Whether that is certain, and not only an address that this machine may have."""
    return host in HOST_NAMES or any(p == port and host == address for address, p, _ in _published(service))


def _may_be_at(address: str, host: str) -> bool:
    """Whether `host` may lead to `address` of this machine, where the port is published."""
    return host in HOST_NAMES or address in {*EVERY, host}


def _published(service: Service) -> Iterator[tuple[str, int, int]]:
    """Address of the machine, empty for all, its port, and the port in the container. UDP is left out."""
    for each in entries(service.get("ports")):
        if isinstance(each, Mapping):
            address, text, inside = (str(each.get(key) or "") for key in ("host_ip", "published", "target"))
            protocol = str(each.get("protocol") or "")
        else:
            whole, _, protocol = str(each).partition("/")
            before, _, inside = whole.rpartition(":")
            address, _, text = before.rpartition(":")
        port, target = port_number(text), port_number(inside)
        if port and target and protocol.lower() != "udp":
            yield address.strip("[]"), port, target
