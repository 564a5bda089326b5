"""The routes of a stack in Redis, where several Traefiks read them (Traefik's Redis provider).

Traefik reads everything with one SCAN and one MGET, each time a key below its root changes. MGET is atomic and SCAN is
not: changed and removed keys are seen all at once, and a key that is added meanwhile may be missed. So a flip first
adds what no router refers to, waits until no reading is under way that does not know it, and then changes the rest in
one transaction. https://doc.traefik.io/traefik/reference/install-configuration/providers/kv/redis/
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Mapping
from pathlib import Path
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.config.urls import redis_tls
from app.domain.errors import RouteNotConfirmed
from app.domain.stack import Color, RoutesInRedis, Stack
from workers.adapters.threads import in_file_thread
from workers.adapters.traefik import api
from workers.adapters.traefik.route_file import file_name
from workers.ports.mutation import Fence, no_fence
from workers.ports.route import Reached
from workers.routing import route_file
from workers.routing.names import router_names
from workers.routing.route_keys import Keys, added, changed, patterns, removed, route_keys, unreferenced

ROOT = "traefik"
"""Traefik's default for `providers.redis.rootKey`. Several stacks share it: every name carries its stack's."""

ANSWER_SECONDS = 5.0
READ_SECONDS = 1.0
"""Longer than one reading of all keys takes Traefik."""


EVENTS = "notify-keyspace-events"
ENABLE = (
    f"Traefik reads the routes only when it starts, unless Redis announces changes: set `{EVENTS} Kg$x` in redis.conf, "
    "or as an argument of redis-server"
)


def announces_changes(events: str) -> bool:
    """Whether Redis announces each change and removal of a key: `events` is its `notify-keyspace-events`.

    https://redis.io/docs/latest/develop/use/keyspace-notifications/
    """
    return "K" in events and ("A" in events or {*"g$"} <= {*events})


@contextlib.asynccontextmanager
async def routes_in_redis(
    where: RoutesInRedis, stack: Stack, namespace: str, *, password: str | None = None, fence: Fence = no_fence
) -> AsyncIterator["RedisRoutes"]:
    """The routes of `stack` in that Redis. It need not answer yet."""
    client = Redis.from_url(
        where.url,
        password=password,
        decode_responses=True,
        socket_connect_timeout=ANSWER_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        **redis_tls(where.url),
    )
    try:
        yield RedisRoutes(client, stack, namespace, root=where.root, fence=fence)
    finally:
        await client.aclose()


class RedisRoutes:
    """The port `Route`. `redis`: a client that decodes answers. `root`: below it, Traefik reads.

    What would be in the route file is kept too, in a hash that begins with `namespace`, and is written in the same
    transaction.
    """

    def __init__(
        self, redis: Redis, stack: Stack, namespace: str, *, root: str = ROOT, fence: Fence = no_fence
    ) -> None:
        self._redis, self._stack, self._root, self._fence = redis, stack, root, fence
        self._key = f"{namespace}:routes:{stack.project}"
        self._copies: route_file.AllCopies = {}

    @property
    def file(self) -> Path:
        """The name of the record's own part: there is no file."""
        return Path(file_name(self._stack))

    async def flip(
        self,
        color: Color,
        rollout: str,
        copies: route_file.Copies | None = None,
        *,
        stack: Stack | None = None,
    ) -> None:
        await self._state()
        self._copies = {**self._copies, color: copies} if copies is not None else self._copies
        of = stack or self._stack
        text = route_file.render(of, color, rollout, self._copies)
        keys = route_keys(of, route_file.RouteState(color, rollout, self._copies), self._root)
        await self._install({self.file.name: text}, keys)

    async def clear(self) -> None:
        await self._install({self.file.name: route_file.render_empty(self._stack)}, {})

    async def stands(self, color: Color, rollout: str | None, *, stack: Stack | None = None) -> bool:
        try:
            state = await self._state()
        except RouteNotConfirmed:
            return False
        if state is None or state.color is not color or rollout is None:
            return state is not None and state.color is color
        of = stack or self._stack
        wanted = route_keys(of, route_file.RouteState(color, rollout, state.copies), self._root)
        return await self._keys() == wanted

    @property
    def where(self) -> str:
        keys = f"{self._root}/http/*/updater.{self._stack.project}.*"
        of = self._stack.traefik.redis
        return f"the keys {keys} in {of.url if of else 'Redis'}"

    async def unfit(self) -> list[str]:
        try:
            found = await self._redis.config_get(EVENTS)
        except RedisError as error:
            return [f"Redis does not show {EVENTS} ({error}). {ENABLE}"]
        events = str(found.get(EVENTS, ""))
        return [] if announces_changes(events) else [f"{EVENTS} is {events or 'empty'!r}. {ENABLE}"]

    async def strays(self, reached: Reached | None = None, *, stack: Stack | None = None) -> list[str]:  # noqa: ARG002 - the keys below our names are ours
        return []

    async def set_aside(self, name: str) -> None:
        raise RouteNotConfirmed(f"{name} is not in Redis")

    async def active(self) -> Color | None:
        state = await self._state()
        return state.color if state else None

    async def rollout(self) -> str | None:
        state = await self._state()
        return state.rollout if state else None

    async def copies(self, color: Color) -> route_file.Copies:
        state = await self._state()
        return state.copies.get(color, {}) if state else {}

    async def files(self) -> Mapping[str, str]:
        try:
            return dict(await cast(Awaitable[Mapping[str, str]], self._redis.hgetall(self._key)))
        except RedisError as error:
            raise _unread(error) from error

    async def loaded(self) -> Mapping[str, Any]:
        asked = self._stack.traefik.api
        return await api.loaded(asked) if asked else {}

    async def entrypoints(self) -> Mapping[str, Mapping[str, Any]]:
        asked = self._stack.traefik.api
        return await api.entrypoints(asked) if asked else {}

    async def complaints(self) -> list[str]:
        asked = self._stack.traefik.api
        return await api.complaints(asked, router_names(self._stack)) if asked else []

    async def restore(self, files: Mapping[str, str]) -> None:
        state = route_file.read(files.get(self.file.name, ""), self._stack)
        await self._install(files, route_keys(self._stack, state, self._root) if state else {})

    async def _state(self) -> route_file.RouteState | None:
        """What the record says, if the routers agree with it; None otherwise. Raises RouteNotConfirmed."""
        state = route_file.read((await self.files()).get(self.file.name, ""), self._stack)
        if state is not None and state.copies:
            self._copies = {**self._copies, **state.copies}
        if state is None:
            return None
        keys = await self._keys()
        served = {value.rpartition(".")[2] for key, value in keys.items() if key.endswith("/service")}
        return state if served == {str(state.color)} else None

    async def _keys(self) -> dict[str, str]:
        """The keys of the stack's routes, as Traefik finds them. Raises RouteNotConfirmed."""
        try:
            found = [n for each in patterns(self._stack, self._root) async for n in self._redis.scan_iter(match=each)]
            names = sorted(set(found))  # SCAN may return a key twice
            values = await self._redis.mget(names) if names else []
        except RedisError as error:
            raise _unread(error) from error
        return {name: value for name, value in zip(names, values, strict=True) if value is not None}

    async def _install(self, record: Mapping[str, str], keys: Keys) -> None:
        """Replaces the record, and Traefik's keys. Raises RouteNotConfirmed."""
        before = await self._keys()
        try:
            if prepared := unreferenced(added(before, keys), self._root):
                await in_file_thread(self._fence)
                await self._redis.mset(prepared)
                await asyncio.sleep(READ_SECONDS)
            await in_file_thread(self._fence)
            await self._change(record, {**before, **prepared}, keys)
        except RedisError as error:
            raise RouteNotConfirmed(f"Redis did not take the routes ({error})") from error

    async def _change(self, record: Mapping[str, str], before: Keys, after: Keys) -> None:
        async with self._redis.pipeline(transaction=True) as change:
            change.delete(self._key)
            if record:
                change.hset(self._key, mapping=dict(record))
            if new := {**changed(before, after), **added(before, after)}:
                change.mset(new)
            if old := removed(before, after):
                change.delete(*old)
            await change.execute()


def _unread(error: RedisError) -> RouteNotConfirmed:
    return RouteNotConfirmed(f"the routes in Redis cannot be read ({error})")
