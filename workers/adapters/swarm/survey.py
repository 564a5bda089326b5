"""Collects what runs in the swarm, for operators to read."""

import asyncio
import platform
from collections.abc import Mapping
from typing import Any

from app.domain.stack import Stack
from workers.adapters.docker_host.client import Docker
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.own_services.container import own_container, own_networks
from workers.adapters.docker_host.survey import mounts_of, off_host, seen_of
from workers.adapters.swarm.adoption import TASK_OF_LABEL
from workers.adapters.swarm.manager import Manager
from workers.adapters.swarm.slots import labels_of, parted
from workers.definition.services.roles import COLOR_LABEL, role_in
from workers.definition.swarm.spec import NAMESPACE_LABEL
from workers.ports import Instance, Seen, Survey

Attributes = Mapping[str, Any]


async def survey(docker: Docker, compose: Compose, stack: Stack, instances: list[Instance]) -> Survey:
    """`instances`: of the whole stack. Sizes are those of this manager's node. Raises EngineFailed.

    A plain `docker compose up` starts nothing in the swarm, so nothing is said of it.
    """
    manager = Manager(docker)
    services, running, usage, version, own, compose_version = await asyncio.gather(
        manager.services(),
        docker.call(lambda c: c.containers.list(ignore_removed=True)),
        docker.call(lambda c: c.df()),
        docker.call(lambda c: c.version()),
        own_container(docker),
        compose.version(),
    )
    ours = {each["ID"]: each for each in services if labels_of(each).get(NAMESPACE_LABEL) == stack.project}
    others = [c for c in running if c.labels.get(TASK_OF_LABEL) not in ours]
    return Survey(
        containers=tuple(sorted((seen(i, ours[parted(i.id)[0]]) for i in instances), key=lambda each: each.service)),
        images_bytes=int(usage.get("LayersSize") or 0),
        build_cache_bytes=sum(int(entry.get("Size") or 0) for entry in usage.get("BuildCache") or ()),
        versions={
            "docker_engine": str(version.get("Version", "")),
            "compose": compose_version,
            "python": platform.python_version(),
        },
        own_mounts=None if own is None else mounts_of(own.attrs),
        by_hand=None,
        own_name=None if own is None else seen_of(own.attrs).name,
        own_networks=await own_networks(docker, own),
        others=tuple(seen_of(c.attrs) for c in others),
        off_host=await off_host(docker),
    )


def seen(instance: Instance, service: Attributes) -> Seen:
    """A copy, as a container. `name`: that of its Swarm service, by which it is removed."""
    container: Attributes = service["Spec"]["TaskTemplate"]["ContainerSpec"]
    mounts = {str(each.get("Target")): str(each.get("Source") or "") for each in container.get("Mounts") or ()}
    return Seen(
        service=instance.service,
        state=instance.state,
        health=instance.health,
        image=str(instance.image),
        color=instance.labels.get(COLOR_LABEL),
        release=instance.release,
        command=(*(container.get("Command") or ()), *(container.get("Args") or ())),
        mounts=mounts,
        name=str(service["Spec"]["Name"]),
        networks=tuple(sorted(instance.addresses)),
        rollout=instance.rollout,
        named=role_in(instance.labels).name,
    )
