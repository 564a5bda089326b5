"""A manager of the swarm: its services, tasks, nodes, networks, configs and secrets."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import docker
import requests
from docker.errors import create_api_error_from_http_exception

from app.domain.errors import EngineFailed
from workers.adapters.docker_host.client import CALL_SECONDS, Docker, InUse, Missing
from workers.adapters.docker_host.health_check import HEADER
from workers.definition.swarm.files import CONFIGS

Attributes = Mapping[str, Any]
Spec = dict[str, Any]
Change = Callable[[Spec], Spec]

OUT_OF_SEQUENCE = "update out of sequence"
"""What a manager answers if the service was changed since it was read. https://docs.docker.com/reference/api/engine/"""

IS_USED = "is in use by the following"
"""What a manager answers if a service uses a config or secret."""

OF_MANAGER = 3
"""The stream, in a task's output, in which the manager says why it cannot read it."""

ATTEMPTS = 5
"""How often a change is tried that another one came in between of."""


class Manager:
    """`docker`: an engine that is a manager. Every call raises EngineFailed."""

    def __init__(self, docker: Docker) -> None:
        self._docker = docker

    async def services(self, *labels: str) -> list[Attributes]:
        """The services that have all `labels`, newest first."""
        filters = {"label": [*labels]}
        found = await self._docker.call(lambda c: c.api.services(filters=filters))  # type: ignore[no-untyped-call]
        return sorted(found, key=lambda service: str(service["CreatedAt"]), reverse=True)

    async def service(self, name: str) -> Attributes | None:
        """The service with that id or name; None if there is none."""
        try:
            return await self._docker.call(lambda c: c.api.inspect_service(name))  # type: ignore[no-untyped-call]
        except Missing:
            return None

    async def tasks(self, services: Collection[str]) -> list[Attributes]:
        """All known tasks of the services with these ids."""
        if not services:
            return []
        filters = {"service": [*services]}
        return await self._docker.call(lambda c: c.api.tasks(filters=filters))  # type: ignore[no-untyped-call]

    async def nodes(self) -> dict[str, Attributes]:
        """By id."""
        return {node["ID"]: node for node in await self._docker.call(lambda c: c.api.nodes())}

    async def create(self, spec: Spec) -> str:
        """Creates the service, and returns its id. One of that name that exists already is the same one.

        The answer to an earlier call may have been lost, so the name decides: it must be of one rollout alone.
        """
        parts = {"labels": spec["Labels"], "mode": spec["Mode"], "endpoint_spec": spec.get("EndpointSpec")}
        try:
            made = await self._docker.change(
                lambda c: c.api.create_service(spec["TaskTemplate"], name=spec["Name"], **parts)  # type: ignore[no-untyped-call]
            )
        except InUse:
            found = await self.service(spec["Name"])
            if found is None:
                raise
            return str(found["ID"])
        return str(made["ID"])

    async def change(self, service: str, change: Change) -> Attributes | None:
        """Replaces the service's spec by what `change` makes of it. None if the service does not exist.

        A change that makes no difference is not sent.
        """
        for attempt in range(ATTEMPTS):
            found = await self.service(service)
            if found is None or change(found["Spec"]) == found["Spec"]:
                return found
            try:
                await self._update(found, change(found["Spec"]))
            except Missing:
                return None
            except EngineFailed as failed:
                if OUT_OF_SEQUENCE not in failed.detail or attempt + 1 == ATTEMPTS:
                    raise
            else:
                return await self.service(service)
        raise EngineFailed(f"the service {service} was changed by another program {ATTEMPTS} times in a row")

    async def _update(self, found: Attributes, spec: Spec) -> None:
        parts = {
            "name": spec["Name"],
            "labels": spec["Labels"],
            "mode": spec["Mode"],
            "endpoint_spec": spec.get("EndpointSpec"),
        }
        version = found["Version"]["Index"]
        await self._docker.change(
            lambda c: c.api.update_service(found["ID"], version, task_template=spec["TaskTemplate"], **parts)
        )

    async def remove(self, service: str) -> None:
        """No error if it does not exist."""
        try:
            await self._docker.change(lambda c: c.api.remove_service(service))  # type: ignore[no-untyped-call]
        except Missing:
            return

    async def output(self, task: str, lines: int | None = None) -> list[str]:
        """The last `lines` lines that the task wrote, on whatever node; all without a number; none if it is gone."""
        try:
            raw = await self._docker.call(lambda c: _output(c, task, lines))
        except Missing:
            return []
        return [line.rstrip() for line in raw.decode("utf-8", "replace").splitlines()]

    async def network(self, name: str) -> Attributes | None:
        """The network with that name; None if there is none."""
        found = await self._docker.call(lambda c: c.api.networks(names=[name]))
        return next((each for each in found if each["Name"] == name), None)

    async def create_network(self, name: str, **options: Any) -> None:
        """One that exists already is the same one."""
        try:
            await self._docker.change(lambda c: c.api.create_network(name, check_duplicate=True, **options))
        except InUse:
            return

    async def stored(self, part: str, name: str) -> str | None:
        """The id of the config or secret with that name; None if there is none."""
        return (await self._listed(part, name=name)).get(name)

    async def all_stored(self, part: str, label: str) -> dict[str, str]:
        """The ids of the configs or secrets with that label, by name."""
        return await self._listed(part, label=label)

    async def _listed(self, part: str, **filters: str) -> dict[str, str]:
        def ask(client: docker.DockerClient) -> list[Attributes]:
            listed = client.api.configs if part == CONFIGS else client.api.secrets
            return list(listed(filters=filters))

        return {str(each["Spec"]["Name"]): str(each["ID"]) for each in await self._docker.call(ask)}

    async def remove_stored(self, part: str, id_: str) -> None:
        """No error if it does not exist, or if a service uses it."""

        def remove(client: docker.DockerClient) -> None:
            (client.api.remove_config if part == CONFIGS else client.api.remove_secret)(id_)

        try:
            await self._docker.change(remove)
        except (Missing, InUse):
            return
        except EngineFailed as failed:
            if IS_USED not in failed.detail:
                raise

    async def store(self, part: str, name: str, content: bytes, labels: Mapping[str, str]) -> str:
        """Stores a config or secret, and returns its id. One with that name has that content: see `stored_name`."""

        def create(client: docker.DockerClient) -> Attributes:
            api = client.api
            make = api.create_config if part == CONFIGS else api.create_secret
            return make(name, content, labels=dict(labels))

        try:
            return str((await self._docker.change(create))["ID"])
        except InUse:
            if (found := await self.stored(part, name)) is None:
                raise
            return found


def _output(client: docker.DockerClient, task: str, lines: int | None) -> bytes:
    """The SDK reads the output of containers and services only; this is the same call for one task."""
    api = client.api
    number = "all" if lines is None else str(lines)
    url = f"{api.base_url}/v{api.api_version}/tasks/{task}/logs"
    answer = api.get(url, params={"stdout": "1", "stderr": "1", "tail": number}, timeout=CALL_SECONDS)
    try:
        answer.raise_for_status()
    except requests.HTTPError as error:
        create_api_error_from_http_exception(error)
    return written(answer.content)


def written(stream: bytes) -> bytes:
    """What both streams of `stream` say, in order: each piece has a header with its stream and its length.

    https://docs.docker.com/reference/api/engine/ (ContainerAttach). What the manager itself says in a third stream is
    left out, such as that no node has the task yet: `Systemerr` in
    https://github.com/moby/moby/blob/v20.10.24/pkg/stdcopy/stdcopy.go
    """
    found, rest = b"", stream
    while len(rest) > HEADER:
        length = int.from_bytes(rest[4:HEADER], "big")
        found += rest[HEADER : HEADER + length] if rest[0] != OF_MANAGER else b""
        rest = rest[HEADER + length :]
    return found
