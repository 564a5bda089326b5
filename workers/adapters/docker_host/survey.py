"""Collects what runs on the machine and what it stores, for operators to read."""

import asyncio
import platform
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from docker.models.containers import Container

from app.domain.stack import Stack
from workers.adapters.docker_host.client import PROJECT_LABEL, SERVICE_LABEL, Docker, moment
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.own_services.container import HOST, own_container, own_networks
from workers.adapters.docker_host.reached import address_in, is_off_host
from workers.adapters.docker_host.stored.host_file_states import last_change, other_versions
from workers.adapters.docker_host.stored.value_marks import ValueMarks
from workers.adapters.threads import in_file_thread
from workers.definition.files.live_files import recorded
from workers.definition.labels import RELEASE_LABEL
from workers.definition.refusals.clashes import clashes
from workers.definition.services.roles import COLOR_LABEL, ROLLOUT_LABEL, role_in
from workers.ports import Seen, Survey


async def survey(docker: Docker, compose: Compose, stack: Stack, marks: ValueMarks) -> Survey:
    """`marks`: those in the records of mounted files. Raises EngineFailed."""
    (containers, others), usage, version, own, by_hand, compose_version = await asyncio.gather(
        _containers(docker, stack.project),
        docker.call(lambda c: c.df()),
        docker.call(lambda c: c.version()),
        own_container(docker),
        compose.by_hand(stack.directory),
        compose.version(),
    )
    return Survey(
        containers=await in_file_thread(_with_files, containers, marks),
        images_bytes=int(usage.get("LayersSize") or 0),
        build_cache_bytes=sum(int(entry.get("Size") or 0) for entry in usage.get("BuildCache") or ()),
        versions={
            "docker_engine": str(version.get("Version", "")),
            "compose": compose_version,
            "python": platform.python_version(),
        },
        own_mounts=None if own is None else mounts_of(own.attrs),
        by_hand=_images(by_hand) if by_hand is not None else None,
        own_name=None if own is None else seen_of(own.attrs).name,
        own_networks=await own_networks(docker, own),
        others=tuple(seen_of(c.attrs) for c in others),
        clashes=tuple(clashes(by_hand or {}, stack)),
        off_host=await off_host(docker),
    )


async def _containers(docker: Docker, project: str) -> tuple[list[Container], list[Container]]:
    """Returns the project's containers, and the running ones of others."""
    running = await docker.call(lambda c: c.containers.list(ignore_removed=True))
    return await docker.containers(project), [c for c in running if c.labels.get(PROJECT_LABEL) != project]


async def off_host(docker: Docker) -> frozenset[str]:
    """The networks in which the host itself reaches no container. Raises EngineFailed."""
    networks = await docker.call(lambda c: c.networks.list())
    return frozenset(str(network.name) for network in networks if is_off_host(network.attrs))


def _with_files(containers: list[Container], marks: ValueMarks) -> tuple[Seen, ...]:
    """The containers by service. Those that run, with the files that are not as when they were created."""
    found = [_with_files_of(seen_of(c.attrs), c.attrs, marks) for c in containers]
    return tuple(sorted(found, key=lambda seen: seen.service))


def _with_files_of(seen: Seen, attrs: Mapping[str, Any], marks: ValueMarks) -> Seen:
    before = recorded(attrs["Config"]["Labels"] or {})
    if before is None or seen.state != "running":
        return seen
    changed, started = other_versions(marks, before), moment(attrs["State"]["StartedAt"]).timestamp()
    old = tuple(path for path in changed if last_change(Path(path)) > started)
    return replace(seen, new_files=tuple(path for path in changed if path not in old), old_files=old)


async def own_mounts(docker: Docker) -> Mapping[str, str] | None:
    """Returns the mounts of this process's own container, inside → outside; None if it runs in no container.

    Raises EngineFailed.
    """
    own = await own_container(docker)
    return None if own is None else mounts_of(own.attrs)


def seen_of(attrs: Mapping[str, Any]) -> Seen:
    """The container, from the engine's answer to an inspection."""
    config, state = attrs["Config"], attrs["State"]
    labels = config["Labels"] or {}
    return Seen(
        service=labels.get(SERVICE_LABEL, ""),
        state=state["Status"],
        health=(state.get("Health") or {}).get("Status"),
        image=config["Image"],
        color=labels.get(COLOR_LABEL),
        release=labels.get(RELEASE_LABEL),
        command=(*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())),
        mounts=mounts_of(attrs),
        name=str(attrs.get("Name", "")).removeprefix("/"),
        networks=_networks(attrs),
        rollout=labels.get(ROLLOUT_LABEL),
        named=role_in(labels).name,
    )


def _networks(attrs: Mapping[str, Any]) -> tuple[str, ...]:
    found: Mapping[str, Any] = (attrs.get("NetworkSettings") or {}).get("Networks") or {}
    return tuple(sorted(name for name, network in found.items() if address_in(network) or name == HOST))


def mounts_of(attrs: Mapping[str, Any]) -> dict[str, str]:
    """Paths in the container → on the host; empty for a tmpfs, which the engine does not always list as a mount."""
    in_memory: Mapping[str, str] = (attrs.get("HostConfig") or {}).get("Tmpfs") or {}
    listed = {mount["Destination"]: mount.get("Source", "") for mount in attrs.get("Mounts") or ()}
    return {**dict.fromkeys(in_memory, ""), **listed}


def _images(model: Mapping[str, Any]) -> dict[str, str]:
    """Maps each service to its image. Compose names an image that it builds `<project>-<service>`."""
    services: Mapping[str, Any] = model.get("services") or {}
    return {name: str(s.get("image") or f"{model.get('name')}-{name}") for name, s in services.items()}
