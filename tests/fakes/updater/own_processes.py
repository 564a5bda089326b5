"""The updater's own services in memory, with the worker and the successor as processes behind the engine's socket."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from app.domain.errors import EngineFailed, UpdaterError
from app.domain.state import State
from tests.fakes.disk import FakeDisk
from tests.fakes.disk.files import Content
from tests.fakes.engine.socket import Socket
from tests.fakes.fuse import Fuse
from tests.fakes.updater.container_process import ContainerProcess
from tests.fakes.updater.own_services import FakeOwn, Machine
from tests.fakes.updater.worker import FakeWorker
from workers.ports import CheckResult, Instance
from workers.self_update.model import Attempt, Runs, Services, Side
from workers.self_update.successor import Successor

POLL_SECONDS = 0.1
GONE_SECONDS = 10.0
"""The grace period of a dismissed successor, as in workers/adapters/docker_host/own_services/containers.py."""


class OwnProcesses:
    """What survives the processes. `machine` says which version of each service runs and is defined.

    `published`: the file from which an operator's own command starts the services. `recorded` is called with the
    attempt before and after each record of it, `moment` with the name of what happens next, and `acts` with each change
    that a process is about to make.
    """

    def __init__(self, machine: Machine, disk: FakeDisk, socket: Socket, published: Callable[[Path], Path]) -> None:
        self.machine, self.disk, self.socket, self.published = machine, disk, socket, published
        self.worker: FakeWorker | None = None
        self.successor = SuccessorContainer(self)
        self.copies: dict[str, Content] = {}
        self.recorded: Callable[[Attempt | None, Attempt], object] = lambda *_: None
        self.moment: Callable[[str], object] = lambda _: None
        self.acts: Callable[[str], object] = lambda _: None
        self.unexpected: Callable[[BaseException], object] = lambda _: None

    def judge(self, error: BaseException) -> None:
        self.unexpected(error)

    @property
    def worker_is_broken(self) -> bool:
        """Whether the version of the worker that is installed ends at once."""
        runs = self.machine.runs.get(self.machine.updater.worker)
        return runs is not None and self.machine.image(self.machine.updater.worker) in self.machine.restless


class SuccessorContainer(ContainerProcess):
    """Runs the product's Successor. `rollout`: the attempt that it was created for; empty if it does not exist."""

    def __init__(self, own: OwnProcesses) -> None:
        super().__init__("s", started=lambda: own.moment("successor"), unexpected=own.judge)
        self._own = own
        self.rollout = ""

    async def _run(self) -> None:
        """As `run` of workers/successor.py: it fails if even the old updater cannot be started."""
        try:
            await self._succeed()
        except (UpdaterError, asyncio.CancelledError):
            return
        self._stopped, self._wanted = True, False  # it stops its own container

    async def _succeed(self) -> None:
        services = FakeOwnProcesses(self._own)
        attempt = services.attempt
        if attempt is not None and attempt.rollout == self.rollout:
            journal = FakeJournalCopy(self._own, attempt.rollout)
            await Successor(services, journal, self._own.machine.updater).run(attempt)


class FakeOwnProcesses(FakeOwn):
    """One process's access to the updater's services."""

    def __init__(self, own: OwnProcesses) -> None:
        super().__init__(own.machine, Fuse())
        self._own = own

    async def running(self) -> Mapping[str, Runs]:
        await self._own.socket.reach()
        return {name: runs for name, runs in (await super().running()).items() if self._runs(name)}

    def defined(self, model: Path) -> Services | None:
        return super().defined(self._own.published(model))

    async def fetch(self, new: Path) -> None:
        await self._own.socket.reach()
        await super().fetch(new)

    async def prepare(self, attempt: Attempt, new: Path, old: Path) -> None:
        self._refuse_if_full()
        await super().prepare(attempt, self._own.published(new), self._own.published(old))

    def record(self, attempt: Attempt) -> None:
        self._refuse_if_full()
        before = self._machine.attempt
        super().record(attempt)
        self._own.recorded(before, attempt)

    def claims(self, attempt: Attempt, side: Side) -> bool:
        if attempt.rollout not in self._machine.claimed:
            self._refuse_if_full()
        return super().claims(attempt, side)

    async def send(self, attempt: Attempt) -> None:
        self._own.acts("send the successor")
        await self._own.socket.deliver(lambda: self._create_successor(attempt.rollout))

    async def dismiss(self) -> bool:
        successor = self._own.successor
        await self._own.socket.reach()
        if not successor.rollout:
            return False
        self._own.acts("dismiss the successor")
        await self._stop(successor, GONE_SECONDS)
        await self._own.socket.deliver(lambda: setattr(successor, "rollout", ""))
        return True

    async def put(self, attempt: Attempt, service: str, *, new: bool) -> None:
        model = self._machine.prepared[attempt.rollout][1 if new else 0]
        await self._own.socket.reach()
        running = self._machine.runs.get(service)
        if running is not None and running[1].parent.name == model.parent.name and self._runs(service):
            return
        self._own.acts(f"put {service}")
        self._own.moment(f"put {service}")
        await self.stop(service)
        await self._own.socket.deliver(lambda: self._start(service, model))

    async def stop(self, service: str) -> None:
        await self._own.socket.reach()
        if service == self._machine.updater.worker and self._own.worker is not None:
            await self._stop(self._own.worker)
        await self._own.socket.deliver(lambda: self._machine.runs.pop(service, None))

    async def instance(self, service: str) -> Instance | None:
        await self._own.socket.reach()
        found, worker = await super().instance(service), self._own.worker
        if found is None or worker is None or service != self._machine.updater.worker:
            return found
        health = found.health if worker.works else "starting"
        return Instance(found.id, service, "running" if worker.alive else "restarting", health, worker.restarts)

    async def check(self, instance: str, limit: float) -> CheckResult:
        await self._own.socket.reach()
        worker = self._own.worker
        is_worker = self._machine.runs.get(self._machine.updater.worker, ("",))[0] == instance
        if is_worker and worker is not None and not worker.works:
            return CheckResult(False, "exit code 1")
        return await super().check(instance, limit)

    def _runs(self, service: str) -> bool:
        worker = self._own.worker
        return service != self._machine.updater.worker or worker is None or worker.alive

    def _create_successor(self, rollout: str) -> None:
        successor = self._own.successor
        if successor.rollout != rollout:
            successor.kill(None)
            successor.rollout = rollout
            self._machine.sent += 1
            successor.create()
        else:
            successor.start()

    def _start(self, service: str, model: Path) -> None:
        self._machine.start(service, model)
        if service == self._machine.updater.worker and self._own.worker is not None:
            self._own.worker.create()

    async def _stop(self, container: ContainerProcess, *grace: float) -> None:
        await self._own.socket.deliver(lambda: container.stop(*grace))
        while container.alive:  # noqa: ASYNC110 - the engine answers when the process has ended
            await asyncio.sleep(POLL_SECONDS)

    def _refuse_if_full(self) -> None:
        if self._own.disk.full:
            raise EngineFailed("attempt.json could not be written (No space left on device)")


class FakeJournalCopy:
    """The copy of the state file that belongs to the attempt for `rollout`."""

    def __init__(self, own: OwnProcesses, rollout: str) -> None:
        self._own, self._rollout = own, rollout

    @property
    def kept(self) -> bool:
        return self._rollout in self._own.copies

    def keep(self) -> None:
        if self.kept or self._own.disk.file is None:
            return
        if self._own.disk.full:
            raise EngineFailed("the journal could not be copied before the handover (No space left on device)")
        self._own.copies[self._rollout] = self._own.disk.file

    def give_back(self) -> None:
        """What the workers of a play write is of one version: a file that cannot be read is damaged."""
        disk = self._own.disk
        if isinstance(disk.file, State) or isinstance(disk.previous, State):
            return
        if disk.full:
            raise EngineFailed("the journal could not be restored (No space left on device)")
        disk.previous = self._own.copies[self._rollout]
        self._own.machine.given_back += 1
