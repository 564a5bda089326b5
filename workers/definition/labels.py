"""The labels that the updater gives to containers and images, and the names of a release's images."""

from typing import Any

from workers.definition.images.image_names import image_repository

STACK_LABEL = "updater.stack"
RELEASE_LABEL = "updater.release"
SHA_LABEL = "updater.sha"
DEFINITION_LABEL = "updater.definition"
SHA_LENGTH = 12
ONCE_LABEL = "updater.once"
"""Label of a container that runs a before_flip command; the value is the run's name."""
Model = dict[str, Any]


def image_name(project: str, service: str, sha: str) -> str:
    """`<project>-<service>:<sha12>`."""
    return f"{image_repository(project, service)}:{sha[:SHA_LENGTH]}"
