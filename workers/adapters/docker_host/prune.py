"""Removes old singletons, followers and images by their labels, and build cache above its limit."""

import contextlib
import re
from collections.abc import Awaitable, Callable, Collection, Sequence

from docker.models.images import Image

from app.domain.stack import Stack
from workers.adapters.docker_host.client import (
    CALL_SECONDS,
    PROJECT_LABEL,
    Docker,
    InUse,
    Missing,
)
from workers.definition.images.image_names import image_repository
from workers.definition.images.service_images import repository_and_tag
from workers.definition.labels import ONCE_LABEL, SHA_LENGTH, STACK_LABEL
from workers.definition.services.roles import role_in
from workers.ports import Instance

RELEASE_TAG = re.compile(rf".+:[0-9a-f]{{{SHA_LENGTH}}}")
GB = 1024**3
Find = Callable[[str], Awaitable[Sequence[Instance]]]
"""The instances of a service, the newest first."""

Discard = Callable[[Instance, bool], Awaitable[None]]
"""Removes a stopped instance; True: with its anonymous volumes."""


async def prune_uncolored(stack: Stack, keep: Collection[str], find: Find, discard: Discard) -> None:
    """Removes stopped singletons and followers of releases that are not in `keep`, or that a later rollout made again.

    Of each kept release, those of its newest rollout stay.
    """
    for service in stack.uncolored:
        newest: dict[str, str | None] = {}
        for instance in await find(service):
            if instance.sha is None:
                continue
            last = newest.setdefault(instance.sha, instance.rollout)
            if instance.gone and (instance.sha not in keep or instance.rollout != last):
                await discard(instance, False)


async def prune_left(services: Collection[str], keep: Collection[str], find: Find, discard: Discard) -> None:
    """Removes the stopped instances of releases that are not in `keep`, of `services` that no rollout replaces now.

    Those of a color with their anonymous volumes, which were new for each release.
    """
    for service in sorted(services):
        for instance in await find(service):
            if instance.gone and instance.sha is not None and instance.sha not in keep:
                await discard(instance, role_in(instance.labels).color is not None)


async def prune_images(docker: Docker, stack: Stack, keep: Collection[str], named: Collection[str]) -> int:
    """Removes images of releases that are not in `keep`, except those in `named`. Returns the bytes freed.

    Raises EngineFailed.
    """
    short = {sha[:SHA_LENGTH] for sha in keep}
    releases = {tag: image for tag, image in (await _tags(docker, stack)).items() if tag not in named}
    old = {tag: image for tag, image in releases.items() if tag[-SHA_LENGTH:] not in short}
    freed: int = sum([image.attrs["Size"] for tag, image in old.items() if await _untag(docker, tag)])
    return freed


async def forget_pulled(docker: Docker, images: Collection[str]) -> None:
    """Removes the names under which `images` (name, tag, digest) were pulled: the last one frees the image.

    Not of an image that a container uses, also of another project, or that has a release's own name.
    """
    if not images:
        return
    used = {each["ImageID"] for each in await docker.call(lambda c: c.api.containers(all=True))}
    for image in sorted(images):
        name, _, digest = image.partition("@")
        try:
            found = await docker.call(lambda c, i=image: c.images.get(i))  # type: ignore[misc]
        except Missing:
            continue
        if found.id in used or any(RELEASE_TAG.fullmatch(tag) for tag in found.tags if tag != name):
            continue
        if await docker.image_id(name) == found.id:
            await _untag(docker, name)
        await _untag(docker, f"{repository_and_tag(name)[0]}@{digest}")


async def _tags(docker: Docker, stack: Stack) -> dict[str, Image]:
    """Returns the tags that the updater gave to built, pulled and adopted images.

    Only a built image has a label of the stack, and any image may have tags that the updater did not give it.
    """
    built = await _images(docker, label=f"{STACK_LABEL}={stack.project}")
    others = await _images(docker, reference=f"{stack.project}-*")
    moved = {image_repository(stack.project, service) for service in stack.moved_services()}
    tags = {tag: image for image in (*built, *others) for tag in image.tags}
    own = {tag for image in built for tag in image.tags if tag.startswith(f"{stack.project}-")}
    own |= {tag for tag in tags if tag.rpartition(":")[0] in moved}
    return {tag: tags[tag] for tag in own if RELEASE_TAG.fullmatch(tag)}


async def _images(docker: Docker, **filters: str) -> list[Image]:
    return await docker.call(lambda c: c.images.list(filters=filters))


async def prune_build_cache(docker: Docker, stack: Stack) -> int:
    """Trims the engine's whole build cache, which names no stack, oldest use first. Returns the bytes freed."""
    if stack.keep.build_cache_gb is None:
        return 0
    limit = int(stack.keep.build_cache_gb * GB)
    freed = await docker.change(lambda c: c.api.prune_builds(keep_storage=limit), limit=CALL_SECONDS * 2)
    return int(freed.get("SpaceReclaimed") or 0)


async def remove(docker: Docker, instance: str, *, volumes: bool) -> None:
    """Removes a stopped container, with its anonymous `volumes` if nobody inherits them.

    A missing container is no error.
    """
    try:
        await docker.change(lambda c: c.api.remove_container(instance, v=volumes))
    except Missing:
        return


async def sweep(docker: Docker, stack: Stack) -> list[str]:
    """Kills and removes the one-off containers with ONCE_LABEL; an operator's own `compose run` does not have it."""
    labels = [f"{PROJECT_LABEL}={stack.project}", ONCE_LABEL]
    filters: dict[str, str | list[str] | bool] = {"label": labels}
    left = await docker.call(lambda c: c.containers.list(all=True, filters=filters, ignore_removed=True))
    for container in left:
        with contextlib.suppress(Missing):
            await docker.change(lambda c, i=container.id: c.api.remove_container(i, v=True, force=True))  # type: ignore[misc]
    return [str(container.name) for container in left]


async def _untag(docker: Docker, tag: str) -> bool:
    """Removes the tag. Returns False if it is gone, or if a container needs the image, even a stopped one.

    Raises EngineFailed.
    """
    try:
        await docker.change(lambda c: c.api.remove_image(tag))
    except (InUse, Missing):
        return False
    return True
