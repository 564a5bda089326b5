"""What a release's Compose model uses of the options that `policy/forbid` can forbid: pure functions of the model.

A service also has what it shares with another one (`network_mode: service:x`, `volumes_from`).
https://docs.docker.com/reference/compose-file/services/
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from app.domain.stack import Forbid, Stack
from workers.definition.files.host_files import build_files, sources
from workers.definition.images.built_with import SERVICE, built_with
from workers.definition.networks import listed_networks
from workers.definition.refusals.places import Places

NAMESPACES = ("network_mode", "pid", "ipc", "uts", "userns_mode", "cgroup")
CONTAINER = "container:"
NETWORK_ENTITLEMENT, DEVICE_ENTITLEMENT = "network.host", "device"
_NO_NETWORK = {"none", "bridge", "default", "host"}
_HARMLESS = re.compile(r"no-new-privileges([:=](true|false))?")
"""The only security option that takes nothing away from a container's confinement."""

Service = Mapping[str, Any]
EnvFilePaths = Mapping[str, Sequence[str]]
"""The paths of each service's `env_file`, which a resolved model does not have any more."""


@dataclass(frozen=True)
class Use:
    """`service` uses `option`; `what` is the key of the Compose file and its value."""

    option: Forbid
    service: str
    what: str

    def __str__(self) -> str:
        return f"{self.service} uses {self.option} ({self.what})"


def forbidden(
    model: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    stack: Stack,
    places: Places,
    env_files: EnvFilePaths | None = None,
) -> list[Use]:
    """The uses that the stack's policy forbids.

    A service that the updater moves may have none. Other services are the operator's: one may keep what it has in the
    live release's model `before` (None: nothing is live, so there is nothing to compare with), and may get no more.
    """
    moved, known = stack.written_services(), set(uses(before, places)) if before else None
    built = built_with(model.get("services") or {}, moved)

    def counts(use: Use) -> bool:
        if use.service in moved or (use.service in built and use.what.startswith("build/")):
            return True
        return known is not None and use not in known

    found = [use for use in uses(model, places, env_files or {}) if use.option in stack.policy.forbid]
    return [use for use in found if counts(use)]


def refusal(found: Collection[Use]) -> str:
    """What is wrong and what to write, for an operator and for the release's author."""
    options = ", ".join(sorted({str(use.option) for use in found}))
    return (
        f"{'; '.join(map(str, found))}. Traffic is unchanged. Remove that from the release's Compose file. Or, to "
        f"permit it, remove {options} from policy/forbid in the stack file"
    )


def uses(model: Mapping[str, Any], places: Places, env_files: EnvFilePaths | None = None) -> list[Use]:
    """Every use in `model`, forbidden or not, in the order of its services."""
    seen = _Model(model, places, env_files or {})
    found = (Use(option, name, what) for name in seen.services for option in Forbid for what in seen.of(option, name))
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class _Model:
    model: Mapping[str, Any]
    places: Places
    env_files: EnvFilePaths

    @property
    def services(self) -> Mapping[str, Service]:
        return self.model.get("services") or {}

    def of(self, option: Forbid, name: str) -> Iterator[str]:
        match option:
            case Forbid.PRIVILEGED:
                return _privileged(self.services[name])
            case Forbid.HOST_NAMESPACES:
                return self._host_namespaces(name)
            case Forbid.DOCKER_SOCKET:
                return self._docker_socket(name)
            case Forbid.HOST_MOUNTS:
                return self._host_mounts(name)
            case Forbid.CAP_ADD:
                return (f"cap_add: {each}" for each in self.services[name].get("cap_add") or ())
            case Forbid.DEVICES:
                return self._devices(name)

    def _host_namespaces(self, name: str) -> Iterator[str]:
        for key in NAMESPACES:
            value = self._shared(name, key)
            if value == "host" or value.startswith(CONTAINER):
                yield f"{key}: {self.services[name][key]}"
        yield from (f"networks: {network}" for network in self._networks(name) if self.places.is_hosts(network))
        build = self.services[name].get("build") or {}
        network = str(build.get("network") or "")
        if network == "host" or network.startswith(CONTAINER):
            yield f"build/network: {network}"
        if NETWORK_ENTITLEMENT in (build.get("entitlements") or ()):
            yield f"build/entitlements: {NETWORK_ENTITLEMENT}"

    def _docker_socket(self, name: str) -> Iterator[str]:
        if self.services[name].get("use_api_socket"):
            yield "use_api_socket: true"
        for key, path in sources(self.model, name):
            if path.startswith(CONTAINER) or self.places.reaches_socket(path):
                yield f"{key}: {path}"
        for network in self._networks(name):
            if self.places.is_engines(network):
                yield f"networks: {network}, where the Docker Engine answers"
        if self.places.engine_networks and (value := self._shared(name, "network_mode")).startswith(CONTAINER):
            yield f"network_mode: {value}"

    def _host_mounts(self, name: str) -> Iterator[str]:
        for key, path in chain(sources(self.model, name), build_files(self.model, name)):
            if path.startswith(CONTAINER) or self.places.outside(path):
                yield f"{key}: {path}"
        for path in self.env_files.get(name) or ():
            if self.places.outside(path):
                yield f"env_file: {path}"

    def _devices(self, name: str) -> Iterator[str]:
        service = self.services[name]
        for device in service.get("devices") or ():
            yield f"devices: {device['source'] if isinstance(device, Mapping) else device}"
        yield from (f"device_cgroup_rules: {rule}" for rule in service.get("device_cgroup_rules") or ())
        if service.get("gpus"):
            yield "gpus"
        resources = (service.get("deploy") or {}).get("resources") or {}
        if (resources.get("reservations") or {}).get("devices"):
            yield "deploy/resources/reservations/devices"
        entitlements = (service.get("build") or {}).get("entitlements") or ()
        yield from (f"build/entitlements: {each}" for each in entitlements if each.startswith(DEVICE_ENTITLEMENT))
        yield from (
            f"{key}: {path}" for key, path in sources(self.model, name) if key != "volumes" and path.startswith("/dev/")
        )

    def _shared(self, name: str, key: str, seen: tuple[str, ...] = ()) -> str:
        """The value of `key`, of the service that the value names if it names one."""
        value = str(self.services[name].get(key) or "")
        other = value.removeprefix(SERVICE)
        if other == value or other not in self.services or other in seen:
            return value
        return self._shared(other, key, (*seen, name))

    def _networks(self, name: str, seen: tuple[str, ...] = ()) -> Iterator[str]:
        """The names, as the engine knows them, of the networks that the service is in."""
        mode = str(self.services[name].get("network_mode") or "")
        other = mode.removeprefix(SERVICE)
        if other != mode and other in self.services and other not in seen:
            yield from self._networks(other, (*seen, name))
        elif mode and mode not in _NO_NETWORK and ":" not in mode:
            yield mode
        yield from listed_networks(self.model, name)


def _privileged(service: Service) -> Iterator[str]:
    """Also what takes a container's confinement away in parts: seccomp, AppArmor, SELinux."""
    build = service.get("build") or {}
    if service.get("privileged"):
        yield "privileged: true"
    yield from (f"security_opt: {each}" for each in service.get("security_opt") or () if not _HARMLESS.fullmatch(each))
    if build.get("privileged"):
        yield "build/privileged: true"
    for each in build.get("entitlements") or ():
        if each != NETWORK_ENTITLEMENT and not each.startswith(DEVICE_ENTITLEMENT):
            yield f"build/entitlements: {each}"
    for hook in ("post_start", "pre_stop"):
        if any(command.get("privileged") for command in service.get(hook) or ()):
            yield f"{hook}/privileged: true"
