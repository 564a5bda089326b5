"""Pushes the images of a release to the stack's registry, from where every node pulls them by digest."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import docker

from app.domain.errors import BuildFailed
from workers.adapters.docker_host.client import Docker
from workers.definition.images.image_names import image_repository
from workers.definition.images.service_images import AT_DIGEST
from workers.definition.labels import SHA_LENGTH

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
            raise BuildFailed(_refused(name, said), service=service, last_lines=said)
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
