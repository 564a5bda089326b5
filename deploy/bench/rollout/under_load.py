"""Whole rollouts of one service under load, against Compose alone, in the two ways in which people use it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from deploy.bench.method.deployed import LOOK_SECONDS, ROLLOUT_SECONDS, deployed, succeeded
from deploy.bench.method.figures import Figure, Rounds, turns
from deploy.bench.method.proc import machine_seconds
from deploy.bench.method.servers import Missing
from deploy.bench.rollout.answers import first_new, mixed_seconds, moved, watched
from deploy.bench.rollout.commands import Commands
from deploy.bench.rollout.stack import (
    COMPOSE_FILE,
    DRAINING,
    EDGE,
    ENTRYPOINT,
    PLAIN,
    PORT_VARIABLE,
    SCALED,
    SOCKET_VARIABLE,
    host_of,
    names,
    with_services,
    write,
)
from deploy.demo.docker.engine import Say, connected
from deploy.demo.environment import Environment
from deploy.demo.http1 import Target
from deploy.demo.load import Load
from deploy.demo.processes import free_port

OURS = "ours"
UP = "docker compose up -d --build"
SCALE = "scale up, wait for health, drain, remove"
UNITS = {
    "failed requests": "requests",
    "first answer of the new version": "s",
    "old and new mixed": "s",
    "wall time": "s",
    "CPU of the machine": "s",
}
LABEL = "whole rollout under load: "
DRAIN, BAKE = 3.0, 0.1
"""Seconds. The drain is longer than the longest request and, for SCALE, than its health check and Traefik take."""

RPS, SLOW_SECONDS = 50.0, 1.0
WARM_UP_REQUESTS, AFTER_REQUESTS, LOAD_SECONDS = 100, 50, 120.0


@dataclass(frozen=True)
class Contender:
    """`ready` prepares the release of a tag, `roll` brings it live and returns when all of it is over."""

    name: str
    target: Target
    ready: Callable[[str], Awaitable[None]]
    roll: Callable[[str], Awaitable[None]]


def measure(bench: str, rounds: int, say: Say) -> Iterator[Figure]:
    """Raises Missing."""
    with deployed(say, with_services(1), bake=BAKE, drain=DRAIN) as home:
        results = asyncio.run(_measure(home, rounds, lambda text: say(f"{bench}: {LABEL}{text}")))
    for reference in (UP, SCALE):
        yield from results.figures(bench, OURS, reference, UNITS, LABEL)


async def _measure(home: Environment, rounds: int, say: Say) -> Rounds:
    results, alone = Rounds(), Alone.beside(home)
    contenders = [_ours(home), alone.contender(UP, PLAIN, alone.up), alone.contender(SCALE, SCALED, alone.scaled)]
    say("the first releases go live")
    await contenders[0].ready("v1.0.0")
    await contenders[0].roll("v1.0.0")
    await asyncio.to_thread(alone.start, "alone-0")
    async with asyncio.timeout(ROLLOUT_SECONDS):
        await moved([contender.target for contender in contenders[1:]], "alone-0")
    for number, turn in enumerate(turns(contenders, rounds), 1):
        for contender in turn:
            say(f"round {number} of {rounds}: {contender.name}")
            tag = f"v1.{number}.0" if contender.name == OURS else f"{contender.target.host}-{number}"
            results.add(contender.name, await _rolled(contender, tag))
    return results


async def _rolled(contender: Contender, tag: str) -> dict[str, float]:
    """Returns the figures of UNITS."""
    await contender.ready(tag)
    async with Load([contender.target], RPS, slow_seconds=SLOW_SECONDS) as load, watched(contender.target) as answers:
        await load.served(WARM_UP_REQUESTS, LOAD_SECONDS)
        used, began = machine_seconds(), time.monotonic()
        async with asyncio.timeout(ROLLOUT_SECONDS):
            await contender.roll(tag)
            await moved([contender.target], tag)  # Compose alone is done before the new copy answers
        wall, used = time.monotonic() - began, machine_seconds() - used
        await load.served(load.report.requests + AFTER_REQUESTS, LOAD_SECONDS)
        report = await load.stop()
    first, mixed = first_new(answers, tag) - began, mixed_seconds(answers, tag)
    return dict(zip(UNITS, (report.failed, first, mixed, wall, used), strict=True))


def _ours(home: Environment) -> Contender:
    (name,) = names(1)

    async def ready(tag: str) -> None:
        home.release(tag, edit=write(1))
        await asyncio.to_thread(home.publish, tag)

    async def roll(tag: str) -> None:
        rollout_id = (await home.deliver(tag))["rollout_id"]
        succeeded(await home.ended(rollout_id, ROLLOUT_SECONDS))

    return Contender(OURS, Target(home.routes[ENTRYPOINT], host_of(name)), ready, roll)


@dataclass(frozen=True)
class Alone:
    """A project of its own, which only Compose and its Traefik know. `port`: of that Traefik on loopback.

    The project's name begins with that of the stack, so it is removed together with the stack.
    """

    home: Environment
    commands: Commands
    port: int

    @classmethod
    def beside(cls, home: Environment) -> "Alone":
        """Raises Missing if the engine has no socket that a container can mount."""
        host, port = home.engine.host, free_port()
        if not host.startswith("unix://"):
            raise Missing("Traefik's Docker provider needs the engine's socket, and DOCKER_HOST is none")
        more = {SOCKET_VARIABLE: host.removeprefix("unix://"), PORT_VARIABLE: str(port)}
        clone, env_file = home.directory / "alone", home.live / ".env"
        return cls(
            home,
            Commands(home.repository.url, clone, COMPOSE_FILE, f"{home.project}-alone", host, env_file, more),
            port,
        )

    def contender(self, name: str, service: str, roll: Callable[[str], None]) -> Contender:
        async def ready(tag: str) -> None:
            self.home.release(tag, edit=write(1))

        target = Target(f"http://127.0.0.1:{self.port}", host_of(service))
        return Contender(name, target, ready, lambda tag: asyncio.to_thread(roll, tag))

    def start(self, tag: str) -> None:
        """Starts everything with the first release."""
        self.home.release(tag, edit=write(1))
        self.commands.check_out(tag)
        self.commands.compose("up", "--detach", "--build", EDGE, PLAIN, SCALED)

    def up(self, tag: str) -> None:
        self.commands.check_out(tag)
        self.commands.compose("up", "--detach", "--build", PLAIN)

    def scaled(self, tag: str) -> None:
        """What docker-rollout does, with a drain hook: https://docker-rollout.wowu.dev/container-draining

        It looks for the health once a second; this looks at once.
        """
        self.commands.check_out(tag)
        self.commands.compose("build", SCALED)
        with connected(self.home.engine.host) as client:
            (old,) = self.commands.containers(client, SCALED)
            self.commands.compose(
                *("up", "--detach", "--no-deps", "--no-build", "--no-recreate", "--scale", f"{SCALED}=2", SCALED)
            )
            (new,) = [each for each in self.commands.containers(client, SCALED) if each.id != old.id]
            deadline = time.monotonic() + ROLLOUT_SECONDS
            while new.attrs["State"]["Health"]["Status"] != "healthy":
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{SCALED} did not become healthy within {ROLLOUT_SECONDS:g} s")
                time.sleep(LOOK_SECONDS)
                new.reload()
            old.exec_run(["touch", DRAINING])
            time.sleep(DRAIN)
            old.stop()
            old.remove()
