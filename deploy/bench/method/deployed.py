"""The demo's stack on the Docker Engine that answers, for the benchmarks that roll releases out."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import yaml

from deploy.bench.method.servers import Missing
from deploy.demo.client_access import TIMES
from deploy.demo.docker.engine import Engine, Say, answering
from deploy.demo.docker.images import ensure_base, ensure_traefik
from deploy.demo.environment import Environment, checked_every, environment

CHECK_INTERVAL = "30s"
LIMITS = {**TIMES, "health": 90, "ready": 90, "bake": 1, "drain": 0.5}
ROLLOUT_SECONDS = 300.0
LOOK_SECONDS = 0.01

Json = dict[str, Any]


def as_installed(home: Environment) -> None:
    """Restores the default intervals, because the demo's own checks are more frequent."""
    checked_every(CHECK_INTERVAL)(home)
    file = home.directory / "stack.yml"
    stack = yaml.safe_load(file.read_text())
    del stack["checks"]
    file.write_text(yaml.safe_dump(stack, sort_keys=False))


@contextlib.contextmanager
def deployed(say: Say, prepare: Callable[[Environment], None] = as_installed, **limits: float) -> Iterator[Environment]:
    """Runs the demo's stack with the product's default checks. `limits`: time limits that replace LIMITS.

    `prepare` may change the stack before the updater starts.

    Raises Missing if no engine answers.
    """
    host = answering()
    if host is None:
        raise Missing("no Docker Engine answers. Start one, or set DOCKER_HOST.")
    base, traefik = ensure_base(host, say), ensure_traefik(host, say)
    options: Any = {"base": base, "traefik": traefik, "times": {**LIMITS, **limits}, "prepare": prepare}
    with (
        tempfile.TemporaryDirectory(prefix="zu-bench-") as directory,
        environment(Path(directory) / "environment", Engine(host, owned=False), say=say, **options) as home,
    ):
        yield home


def succeeded(result: Json) -> None:
    """Raises RuntimeError unless the rollout succeeded."""
    if result["status"] != "success":
        raise RuntimeError(f"{result['tag']} did not go live: {result['error']}")


async def idle_color(home: Environment) -> str:
    return "green" if (await home.get("/status"))["active_color"] == "blue" else "blue"


async def moved(home: Environment, client: httpx.AsyncClient, color: str) -> float:
    """Waits until the color answers on every route. Returns when it did, in seconds since the epoch."""
    for url in home.routes.values():
        while (await json_at(client, f"{url}/version")).get("color") != color:
            await asyncio.sleep(LOOK_SECONDS)
    return time.time()


async def json_at(client: httpx.AsyncClient, url: str) -> Json:
    """Returns the JSON of a 2xx answer; empty without one."""
    with contextlib.suppress(httpx.HTTPError, ValueError):
        answer = await client.get(url)
        return dict(answer.json()) if answer.is_success else {}
    return {}


async def until(holds: Callable[[], bool]) -> float:
    """Waits until `holds`. Returns when it did, in seconds since the epoch."""
    while not holds():
        await asyncio.sleep(LOOK_SECONDS)
    return time.time()
