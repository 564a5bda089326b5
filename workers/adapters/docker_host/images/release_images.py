"""The images of releases: pulls them, pins them by digest, and finds those of a kept release."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from docker.auth import resolve_repository_name
from docker.models.images import Image

from app.domain.errors import BuildFailed
from app.domain.release_stack import as_of
from app.domain.stack import Stack
from workers.adapters.docker_host.client import SERVICE_LABEL, Docker, Missing
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.images.registries import unreadable_config
from workers.definition.images.service_images import (
    AT_DIGEST,
    is_fixed,
    is_of_this_machine,
    proven_images,
    repository_and_tag,
    unbuilt,
    with_images,
)
from workers.definition.labels import SHA_LABEL, Model, image_name
from workers.definition.services.roles import roles_in

Log = Callable[[str], None]

NOT_YET = re.compile(
    r"manifest unknown|manifest for \S+ not found|name unknown|artifact \S+ not found"
    r"|failed to resolve reference .*: not found"
)
"""What the engine says of an image that its registry does not have: of its own store, and of containerd's."""

REFUSED = re.compile(r"credentials|unauthorized|denied|forbidden|authentication required", re.IGNORECASE)
"""What the engine or Compose says if the registry does not let this machine read the image."""

ENGINE_SAYS = "Error response from daemon: "

ASK_AGAIN_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 30.0
"""The first pause before a missing image is asked for again, and the longest one: each is twice the one before."""


class ReleaseImages:
    """The images of the releases of `stack`."""

    def __init__(self, docker: Docker, compose: Compose, stack: Stack) -> None:
        self._docker, self._compose, self._stack = docker, compose, stack

    async def obtain(self, path: Path, model: Model, services: Sequence[str], sha: str, log: Log) -> Model:
        """Pulls the images of those `services` that have no build, and returns the model of `path` with them pinned.

        Each also gets a name of its own, so that it stays on this machine as long as the release is kept. Services
        with `pull_policy: never` run from that name. Raises BuildFailed, EngineFailed.
        """
        found, defined = unbuilt(model, services), model["services"]
        local = {image for image, users in found.items() if all(is_of_this_machine(defined[user]) for user in users)}
        await self._pull(path, model, [users[0] for image, users in found.items() if image not in local], log)
        alike = unbuilt(model, self._stack.moved_services())
        digests: dict[str, str] = {}
        names: dict[str, str] = {}
        for image, users in found.items():
            there = await self._image(image, users[0], local=image in local)
            own = {user: image_name(self._stack.project, user, sha) for user in alike[image]}
            digest = None if image in local else _digest_of(there, image)
            proven = proven_images(model)
            for user in (user for user in own if user not in proven or proven[user] == digest):
                await self._docker.tag(str(there.id), own[user])
            if digest is None:
                names |= own
            else:
                digests |= dict.fromkeys(own, digest)
            log(f"{', '.join(users)}: {image} is {digest or there.id}")
        return with_images(model, digests, names)

    async def settle(self, model: Model, sha: str) -> None:
        """Gives images that have proven themselves the names that those of BEFORE had until now."""
        for service in proven_images(model):
            if (there := await self._docker.image_id(model["services"][service]["image"])) is not None:
                await self._docker.tag(there, image_name(self._stack.project, service, sha))

    async def id_of(self, service: str, image: str) -> str:
        """The id of the image of `service`. Raises BuildFailed if it is missing."""
        if (found := await self._docker.image_id(image)) is None:
            raise BuildFailed(f"image {image} is missing after the build", service=service)
        return found

    async def missing(self, kept: Model, services: Sequence[str]) -> list[str]:
        """The images of the kept release `kept` from which `services` can no longer be started."""
        return [kept["services"][s]["image"] for s in services if await self._available(kept, s) is None]

    async def restored(self, kept: Model, services: Sequence[str]) -> Model:
        """The kept release with images that exist. What was built for the other color gets this color's name too."""
        names: dict[str, str] = {}
        for service in services:
            wanted, found = kept["services"][service]["image"], await self._available(kept, service)
            if found is None or found == wanted:
                continue
            if "build" in kept["services"][service]:
                await self._docker.tag(found, wanted)
            else:
                names[service] = found
        return with_images(kept, {}, names)

    async def _pull(self, path: Path, model: Model, services: Sequence[str], log: Log) -> None:
        """Pulls the images of `services`; waits `times/image` for those that the registry does not have yet."""
        by_digest = [s for s in services if AT_DIGEST in model["services"][s]["image"]]
        by_tag = [s for s in services if s not in by_digest]
        for names, always in ((by_digest, False), (by_tag, True)):
            if names:
                await self._pull_when_there(path, names, log, always=always)

    async def _pull_when_there(self, path: Path, services: Sequence[str], log: Log, *, always: bool) -> None:
        time, times = asyncio.get_running_loop().time, self._stack.times
        deadline, pause = time() + times.image, ASK_AGAIN_SECONDS
        while True:
            try:
                return await self._compose.pull(path, services, log, times.build, always=always)
            except BuildFailed as failed:
                left = deadline - time()
                if not any(NOT_YET.search(line) for line in failed.last_lines):
                    raise _refused(failed) from failed
                if left <= 0:
                    raise _never_came(failed, times.image) from failed
                log(f"the registry does not have it yet: asking again for at most {left:.0f} s (times/image)")
            await asyncio.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _image(self, image: str, service: str, *, local: bool) -> Image:
        try:
            return await self._docker.call(lambda c: c.images.get(image))
        except Missing as missing:
            why = "is not on this machine, and `pull_policy: never` forbids to pull it" if local else "is missing"
            remedy = "Build or load it here, or remove that line" if local else "Deploy the tag again"
            raise BuildFailed(f"image {image} {why}. Traffic is unchanged. {remedy}", service=service) from missing

    async def _available(self, kept: Model, service: str) -> str | None:
        """The name of an image from which the kept release's service can start; None if there is none.

        A release is built for one color. The other color's image is as good if its build is defined in the same way.
        """
        own = image_name(self._stack.project, service, str(kept["services"][service]["labels"][SHA_LABEL]))
        for name in (service, *self._built_alike(kept, service)):
            definition: Mapping[str, Any] = kept["services"][name]
            images = [str(definition["image"])] if is_fixed(definition) else []
            for image in dict.fromkeys((*images, own)):
                if await self._docker.image_id(image) is not None:
                    return image
        return await self._image_of_a_container(kept, service)

    async def _image_of_a_container(self, kept: Model, service: str) -> str | None:
        """The id of the image from which the kept release's service runs or ran: earlier versions pinned nothing."""
        sha = kept["services"][service]["labels"][SHA_LABEL]
        made = await self._docker.containers(self._stack.project, f"{SERVICE_LABEL}={service}", f"{SHA_LABEL}={sha}")
        return next((str(c.attrs["Image"]) for c in made if "build" not in kept["services"][service]), None)

    def _built_alike(self, kept: Model, service: str) -> list[str]:
        """The same service of the other color, if its build is defined in the same way."""
        colors = [routed.colors for routed in as_of(self._stack, roles_in(kept)).routed]
        found = [c[color.other] for c in colors for color, name in c.items() if name == service]
        others = [other for other in found if other in kept["services"]]
        build = kept["services"][service].get("build")
        return [other for other in others if build is not None and kept["services"][other].get("build") == build]


def _digest_of(found: Image, image: str) -> str | None:
    """`image` with the digest under which its registry has `found`; None if no registry has it."""
    if AT_DIGEST in image:
        return image
    wanted = _full_name(repository_and_tag(image)[0])
    known = (each.partition("@") for each in found.attrs.get("RepoDigests") or ())
    return next((f"{image}@{digest}" for name, _, digest in known if _full_name(name) == wanted), None)


def _full_name(repository: str) -> tuple[str, str]:
    """The registry and the name in it."""
    registry, name = resolve_repository_name(repository)
    return registry, name.removeprefix("library/")


def _refused(failed: BuildFailed) -> BuildFailed:
    words = _words(failed)
    remedy = (
        "Give the worker credentials for that registry (DOCKER_CONFIG, see docs/compose.md)"
        if REFUSED.search(words)
        else "Deploy the tag again when that works"
    )
    local = "If the image exists only on this machine, write `pull_policy: never` for the service"
    file = unreadable_config()
    unread = f" The worker may not read {file}: make it readable for its user." if file else ""
    return _pull_failed(
        failed, f"the image could not be pulled: {words}. Traffic is unchanged.{unread} {remedy}. {local}"
    )


def _never_came(failed: BuildFailed, seconds: float) -> BuildFailed:
    return _pull_failed(
        failed,
        f"the registry did not get the image within {seconds:g} s (times/image): {_words(failed)}. Traffic is "
        "unchanged. Publish the image, then deploy the tag again",
    )


def _pull_failed(failed: BuildFailed, detail: str) -> BuildFailed:
    return BuildFailed(detail, service=failed.service, last_lines=failed.last_lines, transient=failed.transient)


def _words(failed: BuildFailed) -> str:
    """What the engine, or Compose, said last."""
    said = [line.strip() for line in failed.last_lines if line.strip()]
    return said[-1].removeprefix(ENGINE_SAYS) if said else failed.detail
