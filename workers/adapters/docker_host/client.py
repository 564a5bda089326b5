"""The Docker Engine's API: each call in a thread, with a time limit and translated errors."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar

import docker
import structlog
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.containers import Container
from requests.exceptions import RequestException, Timeout

from app.domain.errors import EngineFailed
from workers.adapters.docker_host.reached import addresses_of, every_address, host_of, names_of
from workers.adapters.threads import in_engine_thread
from workers.definition.labels import DEFINITION_LABEL, RELEASE_LABEL, SHA_LABEL
from workers.definition.services.roles import ROLLOUT_LABEL
from workers.ports import Instance
from workers.ports.mutation import Fence, no_fence

CALL_SECONDS = 30.0
"""The limit of one call to the engine. A stop has its grace period on top."""

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
ONEOFF_LABEL = "com.docker.compose.oneoff"

AWAY_SECONDS = 45.0
"""How long to wait for an unreachable engine: longer than its restart takes."""

AWAY_INTERVAL = 0.5

REMOVED = "removed"
"""The state of a container that does not exist."""

SECONDS = len("2026-01-02T03:04:05")
"""The engine adds up to nine digits and `Z`: https://docs.docker.com/reference/api/engine/"""

NO_LEADER = "does not have a leader"
"""What a manager of a swarm answers while too few managers agree. It has done nothing then."""

T = TypeVar("T")
log = structlog.get_logger()


class Missing(EngineFailed):
    __doc__ = EngineFailed.__doc__
    # The engine has no such object.


class InUse(EngineFailed):
    __doc__ = EngineFailed.__doc__
    # The engine refuses, because something else needs the object.


class Away(EngineFailed):
    __doc__ = EngineFailed.__doc__
    # The request was not sent, or the response was cut off.


def connect(host: str | None) -> docker.DockerClient:
    """Connects to the engine at `host`, or to the one that the environment names. Raises EngineFailed."""
    try:
        client = new_client(host)
        client.ping()
    except DockerException as error:
        where = host or "the default socket"
        raise EngineFailed(f"no Docker Engine answers at {where}. Start it, or set DOCKER_HOST. ({error})") from error
    return client


def new_client(host: str | None) -> docker.DockerClient:
    """A client that has read the credentials for registries now."""
    seconds = int(CALL_SECONDS)
    return docker.DockerClient(base_url=host, timeout=seconds) if host else docker.from_env(timeout=seconds)


class Silent(EngineFailed):
    __doc__ = EngineFailed.__doc__
    # The request was sent, but its response did not come in time.


class Docker:
    """The engine at `host` behind `client` (None: the one that the environment names)."""

    def __init__(
        self, client: docker.DockerClient, host: str | None, *, away: float = AWAY_SECONDS, fence: Fence = no_fence
    ) -> None:
        self._client, self.host, self._fence = client, host, fence
        self._away = away
        self.times_away = 0

    async def call(self, ask: Callable[[docker.DockerClient], T], limit: float = CALL_SECONDS) -> T:
        """Calls the engine and retries while it is unreachable. Raises Missing, EngineFailed.

        Retrying is safe, because every call names its object by id. After `limit` seconds the outcome is unknown, and
        the caller has to check it.
        """
        deadline = asyncio.get_running_loop().time() + self._away
        while True:
            try:
                return await self.once(ask, limit)
            except Away as away:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                log.warning("the Docker Engine is unreachable; waiting for it", reason=away.detail)
                await asyncio.sleep(AWAY_INTERVAL)
            except Silent:
                self.times_away += 1
                raise

    async def change(self, ask: Callable[[docker.DockerClient], T], limit: float = CALL_SECONDS) -> T:
        """Calls the engine as `call` does, for a request that changes something. Raises StaleWorker too."""

        def fenced(client: docker.DockerClient) -> T:
            self._fence()
            return ask(client)

        return await self.call(fenced, limit)

    async def ready(self) -> None:
        """Waits until the engine accepts a new connection: a Compose command would not wait. Raises EngineFailed.

        While the engine shuts down, it still answers on open connections until all containers have ended.
        """

        def greet(_: docker.DockerClient) -> None:
            with contextlib.closing(new_client(self.host)) as fresh:
                fresh.ping()

        await self.call(greet)

    async def once(self, ask: Callable[[docker.DockerClient], T], limit: float = CALL_SECONDS) -> T:
        """Calls the engine once, for requests that must not run twice. Raises Missing, EngineFailed."""
        try:
            async with asyncio.timeout(limit):
                return await in_engine_thread(ask, self._client)
        except (ImageNotFound, NotFound) as error:
            raise Missing(str(error.explanation)) from error
        except TimeoutError as error:
            raise Silent(f"the Docker Engine did not answer within {limit:.0f} s") from error
        except APIError as error:
            if NO_LEADER in str(error.explanation):
                self.times_away += 1
                raise Away("the swarm has no leader: too few of its managers answer") from error
            kind = InUse if error.status_code == HTTPStatus.CONFLICT else EngineFailed
            raise kind(str(error.explanation or error)) from error
        except Timeout as error:
            raise Silent(f"the Docker Engine did not answer in time ({type(error).__name__})") from error
        except (DockerException, RequestException) as error:
            self.times_away += 1
            raise Away(f"the Docker Engine cannot be reached ({type(error).__name__})") from error

    async def containers(self, project: str, *labels: str) -> list[Container]:
        """Lists the project's containers that have all `labels`, including stopped ones, newest first."""
        wanted = [f"{PROJECT_LABEL}={project}", f"{ONEOFF_LABEL}=False", *labels]
        filters: dict[str, str | list[str] | bool] = {"label": wanted}
        return await self.call(lambda c: c.containers.list(all=True, filters=filters, ignore_removed=True))

    async def stop(self, container: str, grace: float) -> None:
        """Stops the container, which has `grace` seconds to exit. A missing container is no error."""

        def stop(client: docker.DockerClient) -> None:
            with contextlib.suppress(NotFound):
                client.api.stop(container, timeout=round(grace))

        await self.change(stop, limit=grace + CALL_SECONDS)

    async def tag(self, image: str, name: str) -> None:
        """Gives the image another name, so that no rebuild and no clean-up removes it."""
        repository, _, tag = name.rpartition(":")
        await self.change(lambda c: c.api.tag(image, repository, tag))

    async def image_id(self, image: str) -> str | None:
        """Returns None when there is no such image."""
        try:
            return str((await self.call(lambda c: c.images.get(image))).id)
        except Missing:
            return None


async def inspected(docker: Docker, container: str) -> Instance:
    """Returns the container's current state; REMOVED if it does not exist. Raises EngineFailed."""
    try:
        return instance_of(await docker.call(lambda c: c.containers.get(container)))
    except Missing:
        return Instance(container, service="", state=REMOVED)


def instance_of(container: Container) -> Instance:
    """Translates the engine's attributes of `container`."""
    attrs: Mapping[str, Any] = container.attrs
    state, labels = attrs["State"], attrs["Config"]["Labels"] or {}
    addresses = addresses_of(attrs)
    return Instance(
        id=attrs["Id"],
        service=labels.get(SERVICE_LABEL, ""),
        state=state["Status"],
        health=(state.get("Health") or {}).get("Status"),
        restarts=attrs.get("RestartCount", 0),
        exit_code=state.get("ExitCode"),
        address=next(iter(addresses.values()), None),
        image=attrs.get("Image"),
        rollout=labels.get(ROLLOUT_LABEL),
        release=labels.get(RELEASE_LABEL),
        sha=labels.get(SHA_LABEL),
        definition=labels.get(DEFINITION_LABEL),
        names=tuple(sorted(names_of(attrs))),
        labels=labels,
        created=moment(attrs["Created"]),
        host=host_of(attrs),
        addresses=addresses,
        every_address=every_address(attrs),
        stop_grace=_stop_grace(attrs["Config"].get("StopTimeout")),
        ports=tuple(_published(attrs)),
    )


def moment(text: str) -> datetime:
    """A time in the engine's form, without fractions of a second."""
    return datetime.fromisoformat(text[:SECONDS]).replace(tzinfo=UTC)


def _published(attrs: Mapping[str, Any]) -> Iterator[str]:
    """The addresses and ports of the host that lead to the container, while it runs."""
    ports: Mapping[str, Any] = (attrs.get("NetworkSettings") or {}).get("Ports") or {}
    for bindings in ports.values():
        yield from (f"{each.get('HostIp') or '0.0.0.0'}:{each.get('HostPort')}" for each in bindings or ())


def _stop_grace(seconds: int | None) -> float | None:
    """The container's own grace. A negative one means forever, for which no step can wait: it counts as none."""
    return None if seconds is None or seconds < 0 else float(seconds)
