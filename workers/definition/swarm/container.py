"""The container of a service's tasks, in the words of the engine's API."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workers.definition.swarm.mounts import mounts_of
from workers.definition.swarm.units import nanoseconds
from workers.redaction.encodings import undoubled

Model = Mapping[str, Any]
Service = Mapping[str, Any]
Part = dict[str, Any]


def container_spec(model: Model, service: Service) -> Part:
    """Without hostname, configs, secrets and stop grace. https://docs.docker.com/reference/api/engine/ (TaskSpec)"""
    written: Part = {
        "Image": service["image"],
        "Labels": _texts(service.get("labels")),
        "Command": _words(service.get("entrypoint")),
        "Args": _words(service.get("command")),
        "Env": [f"{key}={value}" for key, value in _texts(service.get("environment")).items()],
        "Dir": service.get("working_dir"),
        "User": service.get("user"),
        "Groups": [str(group) for group in service.get("group_add") or ()],
        "TTY": service.get("tty"),
        "OpenStdin": service.get("stdin_open"),
        "ReadOnly": service.get("read_only"),
        "Init": service.get("init"),
        "StopSignal": service.get("stop_signal"),
        "Hosts": list(_hosts(service.get("extra_hosts") or ())),
        "Sysctls": _texts(service.get("sysctls")),
        "CapabilityAdd": _capabilities(service.get("cap_add") or ()),
        "CapabilityDrop": _capabilities(service.get("cap_drop") or ()),
        "Ulimits": [_ulimit(name, limit) for name, limit in (service.get("ulimits") or {}).items()],
        "DNSConfig": _dns(service),
        "Healthcheck": _healthcheck(service.get("healthcheck")),
        "Mounts": mounts_of(model, service),
    }
    return {key: value for key, value in written.items() if value not in (None, "", [], {}, False)}


def has_check(container: Model, image: Model) -> bool:
    """Whether its tasks have a health check: their own, or that of the image with that configuration."""
    check = container.get("Healthcheck") or image.get("Healthcheck") or {}
    return bool(check.get("Test")) and check["Test"][0] != "NONE"


def _texts(values: Mapping[str, Any] | None) -> dict[str, str]:
    """Values of a mapping. One without a value is not set."""
    return {undoubled(key): undoubled(str(value)) for key, value in (values or {}).items() if value is not None}


def _words(words: Iterable[str] | str | None) -> list[str] | None:
    if isinstance(words, str):
        return [undoubled(words)]
    return None if words is None else [undoubled(str(word)) for word in words]


def _hosts(entries: Iterable[str]) -> Iterator[str]:
    """Compose writes `name=address`; the engine has them as lines of a hosts file."""
    for entry in entries:
        name, _, address = str(entry).partition("=" if "=" in str(entry) else ":")
        yield f"{address} {name}"


def _capabilities(names: Iterable[str]) -> list[str]:
    upper = [name.upper() for name in names]
    return [name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}" for name in upper]


def _ulimit(name: str, limit: int | Mapping[str, int]) -> Part:
    if isinstance(limit, Mapping):
        return {"Name": name, "Soft": int(limit["soft"]), "Hard": int(limit["hard"])}
    return {"Name": name, "Soft": int(limit), "Hard": int(limit)}


def _dns(service: Service) -> Part:
    keys = {"Nameservers": "dns", "Search": "dns_search", "Options": "dns_opt"}
    found = {key: service.get(written) or [] for key, written in keys.items()}
    return {key: [value] if isinstance(value, str) else list(value) for key, value in found.items() if value}


def _healthcheck(check: Model | None) -> Part | None:
    if check is None:
        return None
    test = check.get("test")
    if check.get("disable") or test in ("NONE", ["NONE"]):
        return {"Test": ["NONE"]}
    times = {"Interval": "interval", "Timeout": "timeout", "StartPeriod": "start_period"}
    times["StartInterval"] = "start_interval"
    found: Part = {key: nanoseconds(check[written]) for key, written in times.items() if check.get(written)}
    if test:
        found["Test"] = ["CMD-SHELL", undoubled(test)] if isinstance(test, str) else _words(test)
    if check.get("retries"):
        found["Retries"] = int(check["retries"])
    return found
