"""No worker that another one has replaced changes anything: the journal's epoch is read before every mutation."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from app.domain.stack import Color
from workers.ports import CheckResult, Comparison, Definition, Engine, Instance, Journal, Route, Stamp, Survey


class FencedEngine:
    """`engine`, whose mutations raise StaleWorker when another worker has taken over."""

    def __init__(self, engine: Engine, journal: Journal) -> None:
        self._engine, self._journal = engine, journal

    @property
    def times_away(self) -> int:
        return self._engine.times_away

    async def ready(self) -> None:
        await self._engine.ready()

    async def define(self, tree: Path, stamp: Stamp) -> Definition:
        await self._journal.check()
        return await self._engine.define(tree, stamp)

    async def recall(self, stamp: Stamp, services: Sequence[str]) -> Definition:
        await self._journal.check()
        return await self._engine.recall(stamp, services)

    async def publish(self, definition: Definition, color: Color) -> None:
        await self._journal.check()
        await self._engine.publish(definition, color)

    @property
    def published_path(self) -> Path:
        return self._engine.published_path

    async def publish_updater(self, model: Path) -> None:
        await self._journal.check()
        await self._engine.publish_updater(model)

    async def build(
        self, definition: Definition, services: Sequence[str], log: Callable[[str], None]
    ) -> dict[str, str]:
        await self._journal.check()
        return await self._engine.build(definition, services, log)

    async def run_once(
        self,
        definition: Definition,
        service: str,
        command: Sequence[str],
        *,
        name: str,
        limit: float,
        log: Callable[[str], None],
    ) -> None:
        await self._journal.check()
        await self._engine.run_once(definition, service, command, name=name, limit=limit, log=log)

    async def sweep(self) -> list[str]:
        await self._journal.check()
        return await self._engine.sweep()

    async def one_way(self, sha: str) -> bool:
        return await self._engine.one_way(sha)

    async def adopt(self, stamp: Stamp, color: Color, instances: Sequence[Instance]) -> list[str]:
        await self._journal.check()
        return await self._engine.adopt(stamp, color, instances)

    async def start(self, definition: Definition, services: Sequence[str]) -> list[Instance]:
        await self._journal.check()
        return await self._engine.start(definition, services)

    async def create(self, definition: Definition, service: str) -> Instance:
        await self._journal.check()
        return await self._engine.create(definition, service)

    async def resume(self, instance: str) -> None:
        await self._journal.check()
        await self._engine.resume(instance)

    async def stop(self, instance: str, grace: float) -> Instance:
        await self._journal.check()
        return await self._engine.stop(instance, grace)

    async def remove(self, instance: str) -> None:
        await self._journal.check()
        await self._engine.remove(instance)

    async def prune(self, keep: Collection[str]) -> int:
        await self._journal.check()
        return await self._engine.prune(keep)

    def defined(self, sha: str) -> Definition:
        return self._engine.defined(sha)

    async def missing(self, sha: str, services: Sequence[str]) -> list[str]:
        return await self._engine.missing(sha, services)

    async def compare(self, tree: Path, stamp: Stamp, live: str | None) -> Comparison:
        return await self._engine.compare(tree, stamp, live)

    async def unchanged(self, instance: Instance, definition: Definition) -> bool:
        return await self._engine.unchanged(instance, definition)

    async def find(self, service: str, *, rollout: str | None = None) -> list[Instance]:
        return await self._engine.find(service, rollout=rollout)

    async def inspect(self, instance: str) -> Instance:
        return await self._engine.inspect(instance)

    async def check(self, instance: str, limit: float) -> CheckResult:
        """Asks and changes nothing: that of a worker that was replaced does no harm."""
        return await self._engine.check(instance, limit)

    async def tail(self, instance: str, lines: int) -> list[str]:
        return await self._engine.tail(instance, lines)

    async def survey(self) -> Survey:
        return await self._engine.survey()


class FencedRoute:
    """`route`, whose mutations raise StaleWorker when another worker has taken over."""

    def __init__(self, route: Route, journal: Journal) -> None:
        self._route, self._journal = route, journal

    async def flip(self, color: Color, rollout: str) -> None:
        await self._journal.check()
        await self._route.flip(color, rollout)

    async def clear(self) -> None:
        await self._journal.check()
        await self._route.clear()

    @property
    def file(self) -> Path:
        return self._route.file

    async def stands(self, color: Color, rollout: str | None) -> bool:
        return await self._route.stands(color, rollout)

    async def strays(self) -> list[str]:
        return await self._route.strays()

    async def set_aside(self, name: str) -> None:
        await self._journal.check()
        await self._route.set_aside(name)

    async def active(self) -> Color | None:
        return await self._route.active()

    async def files(self) -> Mapping[str, str]:
        return await self._route.files()

    async def restore(self, files: Mapping[str, str]) -> None:
        await self._journal.check()
        await self._route.restore(files)
