"""The first engine: Compose creates, the Docker SDK watches, times and cleans."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import docker
import structlog
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.containers import Container
from requests.exceptions import RequestException

from app.domain.errors import BuildFailed, EngineFailed, ReleaseNotKept, StartFailed
from app.domain.stack import Stack
from workers import compose_model
from workers.adapters.compose import Compose
from workers.compose_model import DEFINITION_LABEL, ROLLOUT_LABEL, SHA_LABEL, SHA_LENGTH, STACK_LABEL
from workers.ports import Definition, Instance, Stamp

CALL_SECONDS = 30.0
"""The limit of one call to the engine; a stop has its grace on top."""

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
ONEOFF_LABEL = "com.docker.compose.oneoff"
MODEL_FILE = "compose.json"
RELEASE_TAG = re.compile(rf".+:[0-9a-f]{{{SHA_LENGTH}}}")
GB = 1024**3
TAIL_LINES = 20

T = TypeVar("T")
log = structlog.get_logger()


class DockerEngine:
    """One Compose project on one Docker host. `releases` is the directory of the releases' definitions."""

    def __init__(self, client: docker.DockerClient, compose: Compose, stack: Stack, releases: Path) -> None:
        self._client = client
        self._compose = compose
        self._stack = stack
        self._releases = releases

    async def define(self, tree: Path, stamp: Stamp) -> Definition:
        """The release's model, resolved and transformed, in a file that only the updater may read."""
        stack = self._stack
        model = await self._compose.config(tree / stack.compose_file, stack.directory)
        ours = compose_model.transform(model, stack, stamp, live=stack.directory, tree=str(tree))
        return await self._write(stamp, ours)

    async def recall(self, stamp: Stamp, services: Sequence[str]) -> Definition:
        """The file that is kept, with the new rollout's labels."""
        try:
            kept = json.loads(await asyncio.to_thread(self._path(stamp).read_text, "utf-8"))
        except (OSError, ValueError) as error:
            raise ReleaseNotKept(f"the definition of {stamp.release} is gone ({type(error).__name__})") from error
        for service in services:
            image = kept["services"][service]["image"]
            try:
                await self._image_id(service, image)
            except BuildFailed as error:
                raise ReleaseNotKept(f"the image {image} of {stamp.release} is gone", service=service) from error
        return await self._write(stamp, compose_model.restamp(kept, self._stack, stamp))

    async def _write(self, stamp: Stamp, model: compose_model.Model) -> Definition:
        path = self._path(stamp)
        await asyncio.to_thread(_write_private, path, json.dumps(model))
        return Definition(path, stamp.sha)

    def _path(self, stamp: Stamp) -> Path:
        return self._releases / stamp.sha / MODEL_FILE

    async def build(
        self, definition: Definition, services: Sequence[str], log: Callable[[str], None]
    ) -> dict[str, str]:
        """Image ids by service; services without a build have theirs fetched."""
        model = await asyncio.to_thread(_services, definition)
        built = [s for s in services if "build" in model[s]]
        fetched = [s for s in services if "build" not in model[s]]
        limit = self._stack.times.build
        if built:
            await self._compose.build(definition.path, built, log, limit)
        if fetched:
            await self._compose.pull(definition.path, fetched, log, limit)
        return {s: await self._image_id(s, model[s]["image"]) for s in services}

    async def start(self, definition: Definition, service: str) -> Instance:
        await self._compose.up(definition.path, service, self._stack.times.start)
        made = [i for i in await self.find(service) if i.sha == definition.sha]
        running = [i for i in made if not i.gone]
        if len(running) != 1:
            lines = await self.tail(made[0].id, TAIL_LINES) if made else []
            raise StartFailed(f"{len(running)} instances run after it was started", service=service, last_lines=lines)
        return running[0]

    async def create(self, definition: Definition, service: str) -> Instance:
        before = {i.id for i in await self.find(service)}
        await self._compose.create(definition.path, service, len(before) + 1, self._stack.times.start)
        made = [i for i in await self.find(service) if i.id not in before]
        if len(made) != 1:
            raise StartFailed(f"{len(made)} instances were created, one was asked for", service=service)
        return made[0]

    async def unchanged(self, instance: Instance, definition: Definition) -> bool:
        service = (await asyncio.to_thread(_services, definition))[instance.service]
        same = instance.definition == service["labels"][DEFINITION_LABEL]
        return same and instance.image == await self._image_id(instance.service, service["image"])

    async def resume(self, instance: str) -> None:
        try:
            await self._call(lambda: self._client.containers.get(instance).start())
        except EngineFailed as error:
            raise StartFailed(error.detail) from error

    async def find(self, service: str, *, rollout: str | None = None) -> list[Instance]:
        labels = [f"{PROJECT_LABEL}={self._stack.project}", f"{SERVICE_LABEL}={service}", f"{ONEOFF_LABEL}=False"]
        labels += [f"{ROLLOUT_LABEL}={rollout}"] if rollout else []
        filters: dict[str, str | list[str] | bool] = {"label": labels}
        found = await self._call(lambda: self._client.containers.list(all=True, filters=filters, ignore_removed=True))
        return [_instance(c) for c in found]

    async def inspect(self, instance: str) -> Instance:
        try:
            return _instance(await self._call(lambda: self._client.containers.get(instance)))
        except _Missing:
            return Instance(instance, service="", state="removed")

    async def stop(self, instance: str, grace: float) -> Instance:
        seconds = round(grace)

        def stop() -> None:
            with contextlib.suppress(NotFound):
                self._client.api.stop(instance, timeout=seconds)

        await self._call(stop, limit=grace + CALL_SECONDS)
        return await self.inspect(instance)

    async def remove(self, instance: str) -> None:
        with contextlib.suppress(_Missing):
            await self._call(lambda: self._client.api.remove_container(instance, v=True))

    async def tail(self, instance: str, lines: int) -> list[str]:
        raw = await self._call(lambda: self._client.api.logs(instance, tail=lines))
        return [line.rstrip() for line in raw.decode("utf-8", "replace").splitlines()]

    async def prune(self, keep: Collection[str]) -> int:
        """Own singletons and images of other releases, their definitions, and the build cache over its limit."""
        await self._prune_singletons(keep)
        freed = await self._prune_images({sha[:SHA_LENGTH] for sha in keep})
        await asyncio.to_thread(_prune_directories, self._releases, set(keep))
        return freed + await self._prune_build_cache()

    async def _prune_singletons(self, keep: Collection[str]) -> None:
        for singleton in self._stack.singletons:
            seen: set[str] = set()
            for instance in await self.find(singleton.service):  # the newest first
                if instance.sha is None:
                    continue
                if instance.gone and (instance.sha not in keep or instance.sha in seen):
                    await self.remove(instance.id)
                seen.add(instance.sha)

    async def _prune_images(self, keep: Collection[str]) -> int:
        own = {"label": f"{STACK_LABEL}={self._stack.project}"}
        images = await self._call(lambda: self._client.images.list(filters=own))
        tags = {tag: image.attrs["Size"] for image in images for tag in image.tags}
        old = {tag: size for tag, size in tags.items() if RELEASE_TAG.fullmatch(tag) and tag[-SHA_LENGTH:] not in keep}
        return sum([size for tag, size in old.items() if await self._untag(tag)])

    async def _untag(self, tag: str) -> bool:
        """False where a container, a stopped one too, still needs the image: it stays."""
        try:
            await self._call(lambda: self._client.api.remove_image(tag))
        except (EngineFailed, _Missing):
            return False
        return True

    async def _prune_build_cache(self) -> int:
        limit = int(self._stack.keep.build_cache_gb * GB)
        freed = await self._call(lambda: self._client.api.prune_builds(keep_storage=limit), limit=CALL_SECONDS * 2)
        return int(freed.get("SpaceReclaimed") or 0)

    async def _image_id(self, service: str, image: str) -> str:
        try:
            return str((await self._call(lambda: self._client.images.get(image))).id)
        except _Missing as error:
            raise BuildFailed(f"there is no image {image} after the build", service=service) from error

    async def _call(self, call: Callable[[], T], limit: float = CALL_SECONDS) -> T:
        """One call in a thread, with its limit; after it the outcome is unknown, and the caller has to look."""
        try:
            async with asyncio.timeout(limit):
                return await asyncio.to_thread(call)
        except (ImageNotFound, NotFound) as error:
            raise _Missing(str(error.explanation)) from error
        except TimeoutError as error:
            raise EngineFailed(f"the Docker Engine did not answer within {limit:.0f} s") from error
        except APIError as error:
            raise EngineFailed(str(error.explanation or error)) from error
        except (DockerException, RequestException) as error:
            raise EngineFailed(f"the Docker Engine cannot be reached ({type(error).__name__})") from error


class _Missing(EngineFailed):
    """The engine has no such thing."""


def _instance(container: Container) -> Instance:
    attrs: Mapping[str, Any] = container.attrs
    state, labels = attrs["State"], attrs["Config"]["Labels"] or {}
    return Instance(
        id=attrs["Id"],
        service=labels.get(SERVICE_LABEL, ""),
        state=state["Status"],
        health=(state.get("Health") or {}).get("Status"),
        restarts=attrs.get("RestartCount", 0),
        exit_code=state.get("ExitCode"),
        address=_address(attrs),
        image=attrs.get("Image"),
        rollout=labels.get(ROLLOUT_LABEL),
        sha=labels.get(SHA_LABEL),
        definition=labels.get(DEFINITION_LABEL),
    )


def _address(attrs: Mapping[str, Any]) -> str | None:
    """The address in the first network by name; with several networks all lead to the same container."""
    networks: Mapping[str, Any] = attrs["NetworkSettings"]["Networks"] or {}
    return next((networks[n]["IPAddress"] for n in sorted(networks) if networks[n]["IPAddress"]), None)


def _services(definition: Definition) -> dict[str, Any]:
    services: dict[str, Any] = json.loads(definition.path.read_text(encoding="utf-8"))["services"]
    return services


def _write_private(path: Path, text: str) -> None:
    """Mode 0600 from its first byte: it holds the operator's secrets."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, staged = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(staged).replace(path)


def _prune_directories(releases: Path, keep: Collection[str]) -> None:
    for directory in releases.iterdir() if releases.exists() else ():
        if directory.name not in keep:
            shutil.rmtree(directory, ignore_errors=True)
