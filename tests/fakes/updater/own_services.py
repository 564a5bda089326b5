"""The updater's own services in memory, and an engine that restarts a successor that dies."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.domain.errors import BuildFailed, StartFailed, UpdaterError
from app.domain.stack import Updater
from tests.fakes.fuse import Crash, Fuse
from workers.ports import CheckResult, Instance
from workers.self_update.model import Attempt, Runs, Services, Side
from workers.self_update.successor import Successor

RESTART_SECONDS = 0.1


@dataclass
class Machine:
    """The state that survives the death of the worker and the successor.

    `models`: the services of each release, by its SHA, which names the directory of its file; `runs`: the container id
    and the file of each running service.
    Images: `unwell` never become healthy, `unchecked` have no health check, `restless` are those of them that restart
    every second, `absent` are unavailable, `unseen` were not checked by the engine yet.
    `mute`: the successor hangs; `broken`: it cannot start.
    `ends_worker` is called when the worker's container is removed.
    """

    updater: Updater
    models: dict[str, Services]
    runs: dict[str, tuple[str, Path]] = field(default_factory=dict)
    unwell: set[str] = field(default_factory=set)
    unchecked: set[str] = field(default_factory=set)
    restless: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    unseen: set[str] = field(default_factory=set)
    mute: bool = False
    broken: bool = False
    attempt: Attempt | None = None
    prepared: dict[str, tuple[Path, Path]] = field(default_factory=dict)
    successor: asyncio.Task[None] | None = None
    stands: bool = False
    handed_over: bool = False
    given_back: int = 0
    sent: int = 0
    claimed: dict[str, Side] = field(default_factory=dict)
    fuse: Fuse = field(default_factory=Fuse)
    ends_worker: Callable[[], object] = lambda: None
    made: int = 0

    def place(self, model: Path) -> None:
        """Runs both services as that file defines them."""
        for service in self.updater.services:
            self.start(service, model)

    def start(self, service: str, model: Path) -> None:
        self.made += 1
        self.runs[service] = (f"c{self.made}", model)

    def image(self, service: str) -> str:
        """The image that the service runs."""
        return str(self.models[self.runs[service][1].parent.name][service]["image"])

    def images(self) -> list[str]:
        """The images of the running services, web's first."""
        return [self.image(service) for service in self.updater.services if service in self.runs]


class FakeOwn:
    """One process's access to the machine: each effect burns its `fuse` before and after."""

    def __init__(self, machine: Machine, fuse: Fuse) -> None:
        self._machine, self._fuse = machine, fuse

    async def running(self) -> Mapping[str, Runs]:
        machine = self._machine
        return {name: Runs(machine.image(name), {"A": "1"}, {"A": "1"}, ("x",), {}) for name in machine.runs}

    def defined(self, model: Path) -> Services | None:
        return self._machine.models.get(model.parent.name)

    def left(self) -> Path | None:
        attempt = self._machine.attempt
        return self._machine.prepared[attempt.rollout][0 if attempt.why else 1] if attempt else None

    async def fetch(self, new: Path) -> None:
        images = [str(service["image"]) for service in self._machine.models[new.parent.name].values()]
        if missing := next((image for image in images if image in self._machine.absent), None):
            raise BuildFailed(f"image {missing} is missing")

    async def prepare(self, attempt: Attempt, new: Path, old: Path) -> None:
        self._fuse.burn()
        self._machine.prepared[attempt.rollout] = (old, new)
        self._fuse.burn()
        self.record(attempt)

    async def send(self, attempt: Attempt) -> None:
        self._fuse.burn()
        assert self._machine.attempt == attempt, "the attempt was not recorded"
        if self._machine.broken:
            raise StartFailed("no such network")
        running = self._machine.successor
        if running is None or running.done():
            self._machine.sent += 1
            self._machine.stands = True
            self._machine.successor = asyncio.create_task(self._as_the_engine_does())
        self._fuse.burn()

    async def _as_the_engine_does(self) -> None:
        machine = self._machine
        if machine.mute:
            await asyncio.Event().wait()
        while machine.attempt is not None and not machine.attempt.ended:
            try:
                await Successor(FakeOwn(machine, machine.fuse), Handed(machine), machine.updater).run(machine.attempt)
            except Crash:
                machine.fuse.put_out()
            except UpdaterError:
                pass
            await asyncio.sleep(RESTART_SECONDS)

    async def dismiss(self) -> bool:
        self._fuse.burn()
        existed, self._machine.stands = self._machine.stands, False
        if self._machine.successor is not None:
            self._machine.successor.cancel()
        self._fuse.burn()
        return existed

    async def put(self, attempt: Attempt, service: str, *, new: bool) -> None:
        model = self._machine.prepared[attempt.rollout][1 if new else 0]
        self._fuse.burn()
        running = self._machine.runs.get(service)
        if running is None or running[1].parent.name != model.parent.name:
            self._end(service)
            self._fuse.burn()
            self._machine.start(service, model)
        self._fuse.burn()

    async def stop(self, service: str) -> None:
        self._fuse.burn()
        self._end(service)
        self._fuse.burn()

    def _end(self, service: str) -> None:
        if self._machine.runs.pop(service, None) and service == self._machine.updater.worker:
            self._machine.ends_worker()

    async def instance(self, service: str) -> Instance | None:
        if (found := self._machine.runs.get(service)) is None:
            return None
        image = self._machine.image(service)
        restarts = round(asyncio.get_running_loop().time()) if image in self._machine.restless else 0
        health = "starting" if image in self._machine.unwell | self._machine.unseen else "healthy"
        return Instance(found[0], service, "running", None if image in self._machine.unchecked else health, restarts)

    async def check(self, instance: str, limit: float) -> CheckResult:
        service = next(name for name, (made, _) in self._machine.runs.items() if made == instance)
        assert limit > 0
        unwell = self._machine.image(service) in self._machine.unwell
        return CheckResult(not unwell, "exit code 1" if unwell else "exit code 0")

    @property
    def attempt(self) -> Attempt | None:
        return self._machine.attempt

    def record(self, attempt: Attempt) -> None:
        self._fuse.burn()
        self._machine.attempt = attempt
        self._fuse.burn()

    def claims(self, attempt: Attempt, side: Side) -> bool:
        self._fuse.burn()
        first = self._machine.claimed.setdefault(attempt.rollout, side)
        self._fuse.burn()
        return first is side

    def claimed(self, attempt: Attempt) -> Side | None:
        return self._machine.claimed.get(attempt.rollout)


class Handed:
    """The journal's copy, in memory."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    @property
    def kept(self) -> bool:
        return self._machine.handed_over

    def keep(self) -> None:
        self._machine.handed_over = True

    def give_back(self) -> None:
        assert self._machine.updater.worker not in self._machine.runs, "the new worker may still write to the journal"
        self._machine.given_back += 1
