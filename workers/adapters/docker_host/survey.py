"""Collects what runs on the machine and what it stores, for operators to read."""

import asyncio
import platform
from collections.abc import Mapping
from typing import Any

from app.domain.stack import Stack
from workers.adapters.docker_host.client import SERVICE_LABEL, Docker
from workers.adapters.docker_host.compose import Compose
from workers.adapters.docker_host.own_container import own_container
from workers.definition.transform import COLOR_LABEL, RELEASE_LABEL
from workers.ports import Seen, Survey


async def survey(docker: Docker, compose: Compose, stack: Stack) -> Survey:
    """Raises EngineFailed."""
    containers, usage, version, own, by_hand, compose_version = await asyncio.gather(
        docker.containers(stack.project),
        docker.call(lambda c: c.df()),
        docker.call(lambda c: c.version()),
        own_mounts(docker),
        compose.by_hand(stack.directory),
        compose.version(),
    )
    return Survey(
        containers=tuple(sorted((_seen(c.attrs) for c in containers), key=lambda seen: seen.service)),
        images_bytes=int(usage.get("LayersSize") or 0),
        build_cache_bytes=sum(int(entry.get("Size") or 0) for entry in usage.get("BuildCache") or ()),
        versions={
            "docker_engine": str(version.get("Version", "")),
            "compose": compose_version,
            "python": platform.python_version(),
        },
        own_mounts=own,
        by_hand=_images(by_hand) if by_hand is not None else None,
    )


async def own_mounts(docker: Docker) -> Mapping[str, str] | None:
    """Returns the mounts of this process's own container, inside → outside; None if it runs in no container.

    Raises EngineFailed.
    """
    own = await own_container(docker)
    return None if own is None else mounts_of(own.attrs)


def _seen(attrs: Mapping[str, Any]) -> Seen:
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
    )


def mounts_of(attrs: Mapping[str, Any]) -> dict[str, str]:
    return {mount["Destination"]: mount.get("Source", "") for mount in attrs.get("Mounts") or ()}


def _images(model: Mapping[str, Any]) -> dict[str, str]:
    """Maps each service to its image. Compose names an image that it builds `<project>-<service>`."""
    services: Mapping[str, Any] = model.get("services") or {}
    return {name: str(s.get("image") or f"{model.get('name')}-{name}") for name, s in services.items()}
