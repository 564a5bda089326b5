"""Asks registries whether this machine may read images. Pulls nothing."""

import asyncio
import contextlib
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException

from app.domain.errors import EngineFailed
from workers.adapters.docker_host.client import Docker, new_client
from workers.adapters.docker_host.compose.program import DOCKER_CONFIG
from workers.definition.images.service_images import is_of_this_machine, repository_and_tag, unbuilt

ANSWER_SECONDS = 15.0


async def refusals(engine: Docker, model: Mapping[str, Any], moved: Collection[str]) -> dict[str, str]:
    """The images of `moved` services that are pulled and that their registry does not give, with its answer."""
    services: Mapping[str, Any] = model.get("services") or {}
    pulled = unbuilt({"services": services}, [n for n in moved if not is_of_this_machine(services.get(n) or {})])
    images = sorted({_tagged(image) for image in pulled})
    answers = await asyncio.gather(*(refusal(engine, image) for image in images))
    return {image: answer for image, answer in zip(images, answers, strict=True) if answer}


def _tagged(image: str) -> str:
    """The image by its tag: a definition that runs names its digest too."""
    name, _, digest = image.partition("@")
    return image if digest and ":" not in name.rpartition("/")[2] else ":".join(repository_and_tag(image))


async def refusal(engine: Docker, image: str) -> str:
    """Why the registry does not give the image; empty if it does."""

    def ask(_: docker.DockerClient) -> str:
        try:
            with contextlib.closing(new_client(engine.host)) as client:
                client.api.inspect_distribution(image)  # type: ignore[no-untyped-call]
        except APIError as error:
            return str(error.explanation or error)
        except DockerException as error:  # a credential helper
            return str(error)
        return ""

    try:
        return await engine.once(ask, ANSWER_SECONDS)
    except EngineFailed as failed:
        return failed.detail


def unreadable_config() -> Path | None:
    """The file with the credentials for registries, if it exists and this process may not read it."""
    file = Path(os.environ.get(DOCKER_CONFIG) or Path.home() / ".docker") / "config.json"
    try:
        return file if file.exists() and not os.access(file, os.R_OK) else None
    except OSError:
        return file
