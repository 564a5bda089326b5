"""The networks, configs and secrets that the swarm has to have before a service of a release can run."""

import base64
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.domain.errors import StartFailed
from workers.adapters.docker_host.stored.value_marks import ValueMarks
from workers.adapters.swarm.manager import Manager
from workers.adapters.threads import in_file_thread
from workers.definition.labels import STACK_LABEL
from workers.definition.networks import listed_networks
from workers.definition.swarm.files import CONFIGS, SECRETS, StoredFile, files_of, references
from workers.definition.swarm.spec import NAMESPACE_LABEL

Model = Mapping[str, Any]

MARK_LENGTH = 12
OVERLAY = "overlay"
OF_THE_SWARM = "swarm"
"""The scope of a network that all nodes have."""


def stored_name(project: str, file: StoredFile, mark: str) -> str:
    """The name of a config or secret of that content. Swarm's cannot be changed, so each content gets its own."""
    return f"{project}_{file.key}-{mark[:MARK_LENGTH]}"


class SwarmNeeds:
    """Creates what services of the project need. `marks`: of contents, which do not show them."""

    def __init__(self, manager: Manager, project: str, marks: ValueMarks) -> None:
        self._manager, self._project, self._marks = manager, project, marks

    @property
    def _labels(self) -> dict[str, str]:
        return {NAMESPACE_LABEL: self._project, STACK_LABEL: self._project}

    async def networks(self, model: Model, service: str) -> None:
        """Creates the networks of the service that do not exist, as overlays to which containers may be attached."""
        defined = dict(
            zip(listed_networks(model, service), model["services"][service].get("networks") or (), strict=True)
        )
        for name, key in defined.items():
            written: Model = (model.get("networks") or {}).get(key) or {}
            found = await self._manager.network(name)
            if found is None and written.get("external"):
                raise StartFailed(
                    f"the network {name} does not exist, and the file says that it is external", service=service
                )
            if found is None:
                await self._create(name, written)
            elif found["Scope"] != OF_THE_SWARM:
                raise StartFailed(
                    f"the network {name} is on this host alone ({found['Driver']}), so tasks on other nodes are not in "
                    f"it. Remove it (`docker network rm {name}`): the updater makes one for all nodes",
                    service=service,
                )

    async def _create(self, name: str, written: Model) -> None:
        await self._manager.create_network(
            name,
            driver=OVERLAY,
            attachable=True,
            internal=bool(written.get("internal")),
            options={key: str(value) for key, value in (written.get("driver_opts") or {}).items()},
            labels={**(written.get("labels") or {}), **self._labels},
        )

    async def files(self, model: Model, service: str, values: Mapping[str, str]) -> dict[str, Any]:
        """Stores the configs and secrets of the service; returns the references to them in its container's spec.

        `values`: of the variables that they take from the environment. Raises StartFailed.
        """
        files = files_of(model, service)
        return references(files, [await self._stored(file, service, values) for file in files])

    async def _stored(self, file: StoredFile, service: str, values: Mapping[str, str]) -> tuple[str, str]:
        if file.external is not None:
            found = await self._manager.stored(file.part, file.external)
            if found is None:
                raise StartFailed(f"{file.part}: {file.external} is not in the swarm, and is external", service=service)
            return found, file.external
        content = await in_file_thread(_content, file, values, service)
        text = base64.b64encode(content).decode()
        mark = (await in_file_thread(self._marks.of, {file.key: text}))[file.key]
        name = stored_name(self._project, file, mark)
        found = await self._manager.stored(file.part, name)
        return found or await self._manager.store(file.part, name, content, self._labels), name

    async def forget(self, used: Collection[str]) -> None:
        """Removes the configs and secrets of the project that are not in `used`: they are stored again when needed."""
        for part in (CONFIGS, SECRETS):
            for name, id_ in (await self._manager.all_stored(part, f"{STACK_LABEL}={self._project}")).items():
                if name not in used:
                    await self._manager.remove_stored(part, id_)


def _content(file: StoredFile, values: Mapping[str, str], service: str) -> bytes:
    if file.file is not None:
        try:
            return Path(file.file).read_bytes()
        except OSError as error:
            raise StartFailed(f"{file.part}: {file.file} cannot be read ({error})", service=service) from error
    text = file.content if file.content is not None else values.get(file.environment or "", "")
    return text.encode("utf-8", "surrogateescape")


def used_names(specs: Sequence[Model]) -> set[str]:
    """The names of the configs and secrets to which the specs of services refer."""
    containers = [spec["TaskTemplate"]["ContainerSpec"] for spec in specs]
    found = {each["ConfigName"] for container in containers for each in container.get("Configs") or ()}
    return found | {each["SecretName"] for container in containers for each in container.get("Secrets") or ()}
