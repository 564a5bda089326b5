"""Pushes the images of a release to the stack's registry, from where every node pulls them by digest."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import docker

from app.domain.errors import BuildFailed
from workers.adapters.docker_host.client import Docker
from workers.adapters.docker_host.images.registries import refusal
from workers.adapters.docker_host.images.release_images import ReleaseImages
from workers.adapters.swarm.manager import Manager
from workers.adapters.transient_failures import transient_line
from workers.definition.images.image_names import image_repository
from workers.definition.images.service_images import AT_DIGEST, with_images
from workers.definition.labels import SHA_LENGTH
from workers.definition.swarm.spec import NAMESPACE_LABEL

Model = Mapping[str, Any]
Log = Callable[[str], None]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def registry_name(registry: str, project: str, service: str, sha: str) -> str:
    """`<registry>/<project>-<service>:<sha12>`."""
    return f"{registry}/{image_repository(project, service)}:{sha[:SHA_LENGTH]}"


def digest_in(image: str) -> str:
    """The digest in an image's name, which says what runs; the name itself if it has none. Its tag is the release's."""
    return image.partition("@")[2] or image


class Registry:
    """The registry `name` of the stack `project`. `limit`: seconds for one push."""

    def __init__(self, docker: Docker, name: str, project: str, limit: float) -> None:
        self._docker, self._name, self._project, self._limit = docker, name, project, limit

    async def push(self, services: Mapping[str, str], sha: str, log: Log) -> dict[str, str]:
        """Pushes the images (by service) that no registry has; returns them by digest. Raises BuildFailed."""
        pushed: dict[str, str] = {}
        for service, image in services.items():
            name = registry_name(self._name, self._project, service, sha)
            await self._docker.tag(image, name)
            digest = await self._pushed(name, service)
            pushed[service] = f"{name}@{digest}"
            log(f"{service}: pushed {pushed[service]}")
        return pushed

    async def _pushed(self, name: str, service: str) -> str:
        said: list[str] = []
        digests: list[str] = []

        def push(client: docker.DockerClient) -> None:
            repository, _, tag = name.rpartition(":")
            for line in client.api.push(repository, tag=tag, stream=True, decode=True):
                if error := line.get("error"):
                    said.append(str(error))
                digests.extend(_DIGEST.findall(str((line.get("aux") or {}).get("Digest") or "")))

        await self._docker.change(push, limit=self._limit)
        if said or not digests:
            raise BuildFailed(_refused(name, said), service=service, last_lines=said, transient=transient_line(said))
        return digests[-1]


def _refused(name: str, said: Sequence[str]) -> str:
    why = said[-1] if said else "the registry returned no digest"
    return (
        f"{name} could not be pushed: {why}. Traffic is unchanged. Check that the registry answers, and that the "
        "worker may write to it (DOCKER_CONFIG), then deploy the tag again"
    )


def unpushed(model: Model, services: Sequence[str]) -> dict[str, str]:
    """The images of `services` that no registry has: those that were built here, or are of this machine."""
    images = {name: str(model["services"][name]["image"]) for name in services}
    return {name: image for name, image in images.items() if AT_DIGEST not in image}


class SwarmImages(ReleaseImages):
    """The images of the releases of a stack in a swarm: by digest, from where every node can pull them."""

    async def restored(self, kept: dict[str, Any], services: Sequence[str]) -> dict[str, Any]:
        found = {service: await self._available(kept, service) for service in services}
        return with_images(kept, {service: image for service, image in found.items() if image is not None}, {})

    async def _available(self, kept: dict[str, Any], service: str) -> str | None:
        """The image by digest. It need not be on this node: the other nodes have it, or its registry does."""
        named = [str(kept["services"][name]["image"]) for name in (service, *self._built_alike(kept, service))]
        for image in dict.fromkeys(named):
            if AT_DIGEST in image and await self._is_kept(image):
                return image
        found = await super()._available(kept, service)
        return await self._as_pushed(found) if found is not None else None

    async def _as_pushed(self, image: str) -> str | None:
        """An image of this node by the digest that the stack's registry has given it; None if it was not pushed."""
        found = await self._docker.call(lambda c: c.images.get(image))
        digests = map(str, found.attrs.get("RepoDigests") or ())
        return next((each for each in digests if each.startswith(f"{self._stack.registry}/")), None)

    async def _is_kept(self, image: str) -> bool:
        """A node that has an image by digest starts it without its registry, so that is asked last."""
        if await self._docker.image_id(image) is not None or image in await self._of_services():
            return True
        return not await refusal(self._docker, image)

    async def _of_services(self) -> set[str]:
        """The images of the stack's services, also of those that are kept for a rollback."""
        found = await Manager(self._docker).services(f"{NAMESPACE_LABEL}={self._stack.project}")
        return {str(each["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]) for each in found}
