"""Removes Compose projects from an engine."""

import contextlib
from typing import Any

from docker import DockerClient
from docker.errors import APIError

from deploy.demo.docker.dockerd import connected

LABEL = "com.docker.compose.project"


def take_down(host: str, prefix: str) -> None:
    """Removes every project whose name begins with `prefix`: containers, networks, volumes and release images."""
    with connected(host) as client:
        for container in client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True):
            if _begins(container, prefix):
                with contextlib.suppress(APIError):
                    container.remove(force=True, v=True)
        for kind in (client.networks, client.volumes):
            for found in (f for f in kind.list(filters={"label": LABEL}) if _begins(f, prefix)):
                with contextlib.suppress(APIError):
                    found.remove()
        for tag in (t for t in image_tags(client) if t.startswith(prefix)):
            with contextlib.suppress(APIError):
                client.images.remove(tag, noprune=True)


def image_tags(client: DockerClient) -> list[str]:
    """Returns every tag of every image in one call: the SDK's list inspects each image, which may be gone by then."""
    return [tag for image in client.api.images() for tag in image["RepoTags"] or []]


def _begins(found: Any, prefix: str) -> bool:
    labels = found.attrs["Config"]["Labels"] if "Config" in found.attrs else found.attrs["Labels"]
    return str((labels or {}).get(LABEL, "")).startswith(prefix)
