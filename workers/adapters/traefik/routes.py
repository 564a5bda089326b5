"""Chooses where the routes of a stack are."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from pydantic import SecretStr

from app.domain.errors import SettingsInvalid
from app.domain.stack import Stack
from workers.adapters.threads import in_file_thread
from workers.adapters.traefik.redis_routes import routes_in_redis
from workers.adapters.traefik.route_file import RouteFile
from workers.ports import Route
from workers.ports.mutation import Fence


@contextlib.asynccontextmanager
async def routes_of(
    stack: Stack, path: Path | None, namespace: str, *, password: SecretStr | None, fence: Fence
) -> AsyncIterator[Route]:
    """A file at `path`, which Traefik watches; None: keys in the Redis of `traefik/redis`, which has the `password`.

    Raises SettingsInvalid if the file cannot work. The Redis need not answer yet.
    """
    if path is not None:
        route = RouteFile(path, stack, fence=fence)
        await in_file_thread(route.check)
        yield route
        return
    where = stack.traefik.redis
    if where is None:
        raise SettingsInvalid("traefik/redis: is missing, and there is no file for the routes")
    given = password.get_secret_value() if password else None
    async with routes_in_redis(where, stack, namespace, password=given, fence=fence) as in_redis:
        yield in_redis
