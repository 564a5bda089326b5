"""Removes old singletons and images by their labels, and build cache above its limit."""

import contextlib
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from docker.models.images import Image

from app.domain.stack import Stack
from workers.adapters.docker_host.client import (
    CALL_SECONDS,
    PROJECT_LABEL,
    Docker,
    InUse,
    Missing,
)
from workers.definition.image_names import image_repository
from workers.definition.images import repository_and_tag
from workers.definition.transform import ONCE_LABEL, SHA_LENGTH, STACK_LABEL
from workers.ports import Instance

RELEASE_TAG = re.compile(rf".+:[0-9a-f]{{{SHA_LENGTH}}}")
GB = 1024**3
Find = Callable[[str], Awaitable[Sequence[Instance]]]
"""The instances of a service, the newest first."""


async def prune_singletons(docker: Docker, stack: Stack, keep: Collection[str], find: Find) -> None:
    """Removes stopped singletons of releases that are not in `keep`, and all but the newest of each release."""
    for singleton in stack.singletons:
        seen: set[str] = set()
        for instance in await find(singleton.service):
            if instance.sha is None:
                continue
            if instance.gone and (instance.sha not in keep or instance.sha in seen):
                await remove(docker, instance.id)
            seen.add(instance.sha)


async def prune_images(docker: Docker, stack: Stack, keep: Collection[str], named: Collection[str]) -> int:
    """Removes images of releases that are not in `keep`, except those in `named`. Returns the bytes freed.

    Raises EngineFailed.
    """
    short = {sha[:SHA_LENGTH] for sha in keep}
    releases = {tag: image for tag, image in (await _tags(docker, stack)).items() if tag not in named}
    old = {tag: image for tag, image in releases.items() if tag[-SHA_LENGTH:] not in short}
    freed: int = sum([image.attrs["Size"] for tag, image in old.items() if await _untag(docker, tag)])
    await _forget_pulled(docker, {str(image.id): image for image in old.values()}, named)
    return freed


async def _forget_pulled(docker: Docker, images: Mapping[str, Image], named: Collection[str]) -> None:
    """Removes the names that pulled `images` have from their registries: the last one frees the image.

    Not of an image that a container uses, also of another project, or that another name still keeps here.
    """
    pulled = {id_: names for id_, image in images.items() if (names := _names_from_registries(image.attrs))}
    if not pulled:
        return
    used = {each["ImageID"] for each in await docker.call(lambda c: c.api.containers(all=True))}
    for id_, names in pulled.items():
        try:
            now = (await docker.call(lambda c, i=id_: c.images.get(i))).attrs  # type: ignore[misc]
        except Missing:
            continue
        own = {*(now.get("RepoTags") or ()), *(now.get("RepoDigests") or ())} - names
        if id_ not in used and not own and not _are_named(names, named):
            for name in sorted(names, key=lambda name: "@" in name):
                await _untag(docker, name)


def _names_from_registries(attrs: Mapping[str, Any]) -> set[str]:
    """The image's digests, and its tags in the same repositories; none of an image that was built here."""
    if STACK_LABEL in ((attrs.get("Config") or {}).get("Labels") or {}):
        return set()
    digests = set(attrs.get("RepoDigests") or ())
    repositories = {digest.partition("@")[0] for digest in digests}
    return digests | {tag for tag in attrs.get("RepoTags") or () if repository_and_tag(tag)[0] in repositories}


def _are_named(names: Collection[str], named: Collection[str]) -> bool:
    """Whether a definition names one of an image's names, with or without a digest."""
    wanted = {part for image in named for part in (image, image.partition("@")[0])}
    digests = {image.partition("@")[2] for image in named} - {""}
    return any(name in wanted or name.partition("@")[2] in digests for name in names)


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


async def remove(docker: Docker, instance: str) -> None:
    """Removes a stopped container. A missing container is no error."""
    try:
        await docker.change(lambda c: c.api.remove_container(instance, v=True))
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
