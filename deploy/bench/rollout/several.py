"""From the webhook to the flip, with several routed services, against the same commands one after the other."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import yaml

from app.domain.stack import Checks
from deploy.bench.method.deployed import LOOK_SECONDS, ROLLOUT_SECONDS, deployed, succeeded
from deploy.bench.method.figures import Figure, Rounds, turns
from deploy.bench.method.starts import address_of
from deploy.bench.rollout.answers import moved
from deploy.bench.rollout.commands import Commands
from deploy.bench.rollout.stack import (
    BY_HAND_FILE,
    COLORS,
    ENTRYPOINT,
    HEALTH,
    PORT,
    host_of,
    names,
    routes,
    with_services,
    write,
)
from deploy.demo.clients import plain_sync_client
from deploy.demo.docker.engine import Say, connected
from deploy.demo.environment import Environment
from deploy.demo.http1 import Target

SIZES = (1, 4, 12)
OURS, BY_HAND = "ours", "the same commands one after the other"
UNITS = {"webhook to flip confirmed": "s"}
HEALTHY_SECONDS = 120.0


def measure(bench: str, rounds: int, say: Say) -> Iterator[Figure]:
    """Runs a stack of its own for each of SIZES. Raises Missing."""
    for size in SIZES:
        label = f"{size} routed service{'s' if size > 1 else ''}: "
        with deployed(say, with_services(size)) as home:
            results = asyncio.run(_measure(home, size, label, rounds, lambda text: say(f"{bench}: {text}")))
        yield from results.figures(bench, OURS, BY_HAND, UNITS, label)


async def _measure(home: Environment, size: int, label: str, rounds: int, say: Say) -> Rounds:
    results, by_hand = Rounds(), ByHand.beside(home, size)
    say(f"{label}the first releases go live")
    await _ours(home, size, "v1.0.0")
    await by_hand.rolled("hand-0", size)
    for number, turn in enumerate(turns([OURS, BY_HAND], rounds), 1):
        for name in turn:
            say(f"{label}round {number} of {rounds}: {name}")
            ours = name == OURS
            took = await (_ours(home, size, f"v1.{number}.0") if ours else by_hand.rolled(f"hand-{number}", size))
            results.add(name, dict.fromkeys(UNITS, took))
    return results


def targets(home: Environment, services: tuple[str, ...]) -> list[Target]:
    return [Target(home.routes[ENTRYPOINT], host_of(name), websocket=False) for name in services]


async def _ours(home: Environment, size: int, tag: str) -> float:
    """Returns the seconds from the delivery until each route was answered by the release."""
    home.release(tag, edit=write(size))
    await asyncio.to_thread(home.publish, tag)
    began = time.monotonic()
    rollout_id = (await home.deliver(tag))["rollout_id"]
    moving = asyncio.create_task(moved(targets(home, names(size)), tag))
    try:
        succeeded(await home.ended(rollout_id, ROLLOUT_SECONDS))
        async with asyncio.timeout(ROLLOUT_SECONDS):
            return await moving - began
    finally:
        moving.cancel()


@dataclass
class ByHand:
    """The services of another project behind the same Traefik. `active`: the color that serves, None before the first.

    The project's name begins with that of the stack, so it is removed together with the stack.

    `checks`: as many passes, as far apart, as the updater asks for.
    """

    home: Environment
    services: tuple[str, ...]
    commands: Commands
    active: str | None = None
    checks: Checks = field(default_factory=Checks)

    @classmethod
    def beside(cls, home: Environment, size: int) -> "ByHand":
        network = {"DEMO_NETWORK": f"{home.project}_default", "DEMO_NETWORK_SHARED": "true"}
        clone, project = home.directory / "by-hand", f"{home.project}-hand"
        own = Commands(home.repository.url, clone, BY_HAND_FILE, project, home.engine.host, home.live / ".env", network)
        return cls(home, names(size, "hand"), own)

    async def rolled(self, tag: str, size: int) -> float:
        """Returns the seconds from the first command until each route was answered by the release."""
        self.home.release(tag, edit=write(size))
        color = COLORS[self.active == COLORS[0]]
        began = time.monotonic()
        async with asyncio.timeout(ROLLOUT_SECONDS):
            await asyncio.to_thread(self._roll, tag, color)
            took = await moved(targets(self.home, self.services), tag) - began
        if self.active:
            old = [f"{name}-{self.active}" for name in self.services]
            await asyncio.to_thread(self.commands.compose, "stop", *old)
        self.active = color
        return took

    def _roll(self, tag: str, color: str) -> None:
        self.commands.check_out(tag)
        for name in self.services:
            self.commands.compose("build", f"{name}-{color}")
            self.commands.compose("up", "--detach", "--no-deps", "--no-build", f"{name}-{color}")
            self._healthy(f"{name}-{color}")
        self._route(color)

    def _healthy(self, service: str) -> None:
        """Waits for the passes. Raises TimeoutError."""
        host = self.home.engine.host
        with connected(host) as client:
            (container,) = self.commands.containers(client, service)
        url = f"http://{address_of(host, str(container.id))}:{PORT}{HEALTH}"
        deadline, passes = time.monotonic() + HEALTHY_SECONDS, 0
        with plain_sync_client(timeout=self.checks.timeout) as asking:
            while passes < self.checks.passes:
                passes = passes + 1 if _is_healthy(asking, url) else 0
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{service} did not become healthy within {HEALTHY_SECONDS:g} s")
                if passes < self.checks.passes:
                    time.sleep(self.checks.interval if passes else LOOK_SECONDS)

    def _route(self, color: str) -> None:
        """Stages the file outside of the watched directory and renames it, as the updater does."""
        file: Path = self.home.dynamic / "by-hand.yml"
        staged = self.home.dynamic.parent / file.name
        staged.write_text(yaml.safe_dump(routes(self.services, color)))
        staged.replace(file)


def _is_healthy(asking: httpx.Client, url: str) -> bool:
    try:
        return asking.get(url).is_success
    except httpx.HTTPError:
        return False
