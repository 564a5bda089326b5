"""Finds the anonymous volumes of containers, and the volumes that images declare."""

from workers.adapters.docker_host.client import Docker, Missing
from workers.definition.services.anonymous_volumes import anonymous


async def anonymous_volumes(docker: Docker, container: str) -> dict[str, str]:
    """Returns the names of the container's anonymous volumes, by path inside it; none if it is gone."""
    try:
        attrs = (await docker.call(lambda c: c.containers.get(container))).attrs
    except Missing:
        return {}
    return anonymous(attrs.get("Mounts") or ())


async def declared_volumes(docker: Docker, image: str) -> set[str]:
    """Returns the paths of the image's `VOLUME` instructions; none if the image is missing."""
    try:
        attrs = (await docker.call(lambda c: c.images.get(image))).attrs
    except Missing:
        return set()
    return set((attrs.get("Config") or {}).get("Volumes") or {})
