"""The definitions of releases and their images, in memory."""

import asyncio
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.domain.errors import BuildFailed, ComposeInvalid, PolicyRefused, ReleaseNotKept
from app.domain.release_stack import Role, Roles, brought_back, names_of
from app.domain.routing.networks import Choice
from app.domain.stack import Color, Stack
from tests.fakes.engine.container import Container
from tests.fakes.engine.daemon import Daemon
from workers.ports import Comparison, Definition, Difference, Instance, LiveFiles, Stamp

_WRITES = itertools.count()


@dataclass(frozen=True)
class HostFile:
    """A file of the live directory, and how many writes there were before its last one."""

    content: str
    services: tuple[str, ...]
    written: int


class FakeDefinitions(Daemon):
    """`one_ways`: the releases that cannot be rolled back. `published` is what `docker compose` would run.

    `forbidden`: what each release uses that the policy forbids, by tag. `changed`: what today's files would change.
    `networks`: the choice among the networks of a service. `apart`: why Traefik reaches none, by tag and service.
    `recalled_from`: the files with which the last kept release was recalled. `needed`: what services depend on.
    `network_away`: no build reaches a registry.
    `untagged`: the services whose images an operator took the names of, each with the release's SHA.
    `roles`: by commit, those of its proven definition; of a new one from when it is published.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.others: list[tuple[str, str]] = []
        self.own: list[str] = []
        self.retired: list[str] = []
        self.callers: list[str] = []
        self.networks: dict[str, Choice] = {}
        self.apart: dict[str, dict[str, str]] = {}
        self.one_ways: set[str] = set()
        self.forbidden: dict[str, str] = {}
        self.published: tuple[str, Color] | None = None
        self.published_updater: Path | None = None
        self.published_retired = ""
        self.changed: dict[str, tuple[str, ...]] = {}
        self.recalled_from: Path | None = None
        self.stack: Stack | None = None
        self.roles: dict[str, Roles] = {}
        self._unproven: dict[str, Roles] = {}
        self.files: dict[str, HostFile] = {}
        self.needed: dict[str, dict[str, bool]] = {}
        self.network_away = False
        self.untagged: set[tuple[str, str]] = set()
        self._files_of: dict[Path, dict[str, str]] = {}

    def write(self, path: str, content: str, *services: str) -> None:
        """A program on the host writes the file, which `services` mount; without them, those that did before."""
        before = self.files.get(path)
        self.files[path] = HostFile(content, services or (before.services if before else ()), next(_WRITES))

    @property
    def definitions(self) -> set[str]:
        """The SHAs of the releases whose definitions are kept."""
        return {stamp.sha for stamp in self._stamps.values()}

    async def define(self, tree: Path, stamp: Stamp, compared: Comparison | None = None) -> Definition:
        assert compared is None or compared.reading == (tree, stamp)
        if used := self.forbidden.get(stamp.release):
            raise PolicyRefused(used)
        path = tree / f"{stamp.rollout}.json"
        self.remember(stamp.sha)
        self._stamps[path] = stamp
        self._files_of[path] = {path: file.content for path, file in self.files.items()}
        return Definition(path, stamp.sha, self.sources())

    def mounted_by(self, service: str) -> dict[str, str]:
        return {path: file.content for path, file in self.files.items() if service in file.services}

    def sources(self) -> dict[str, str]:
        """The states of the files that are read to make a definition: those that no service mounts."""
        return {path: str(file.written) for path, file in self.files.items() if not file.services}

    async def live_files(self, definition: Definition, services: Sequence[str]) -> LiveFiles:
        await self.socket.reach()
        used = {path: file for path, file in self.files.items() if set(file.services) & set(services)}
        known = self._files_of.get(definition.path, {})
        changed = tuple(path for path, file in used.items() if known.get(path, file.content) != file.content)
        return LiveFiles(changed, {path: str(file.written) for path, file in used.items()})

    def remember(self, sha: str) -> None:
        """The release `sha` has the services that the stack file names now."""
        if self.stack is not None:
            names, moved = names_of(self.stack), self.stack.moved_services()
            made = {name: s.made_from for s in self.stack.routed for name in s.colors.values()}
            jobs = self.stack.jobs
            single = {s.service: True for s in self.stack.singletons} | {f.service: False for f in self.stack.followers}
            roles = {s: Role(color, names[s], made.get(s), s in jobs, single.get(s)) for s, color in moved.items()}
            self._unproven[sha] = roles
            self.roles.setdefault(sha, roles)

    async def roles_of(self, sha: str, *, proven: bool = True) -> Roles:
        return (self.roles if proven else self._unproven).get(sha, {})

    def defined(self, sha: str) -> Definition:
        made = (path for path, stamp in reversed(self._stamps.items()) if stamp.sha == sha)
        return Definition(next(made, Path("/kept") / sha), sha)

    async def recall(self, stamp: Stamp, services: Sequence[str], tree: Path | None = None) -> Definition:
        if gone := await self.missing(stamp.sha, services):
            raise ReleaseNotKept(f"{stamp.release} lacks {', '.join(gone)}")
        for container in self._containers.values():
            if container.adopted and container.stamp.sha == stamp.sha:
                container.stamp = stamp
        self.recalled_from = tree
        recalled = await self.define(Path("/kept") / stamp.sha, stamp)
        roles = self.roles.get(stamp.sha, {})
        singles = {s.service for s in brought_back(self.stack, roles).singletons} if self.stack else set()
        again = {s: replace(role, single=True) if s in singles else role for s, role in roles.items()}
        self._unproven[stamp.sha] = again
        return recalled

    def may_overlap(self, container: Container) -> bool:
        role = self._unproven.get(container.stamp.sha, {}).get(container.service)
        return role is not None and role.single is False

    async def changed_values(self, tree: Path, stamp: Stamp) -> Mapping[str, tuple[str, ...]]:
        await self.socket.reach()
        assert str(tree).startswith("/trees/")
        assert stamp.sha in str(tree)
        return dict(self.changed)

    async def adopt(self, stamp: Stamp, color: Color, instances: Sequence[Instance]) -> list[str]:
        await self.socket.reach()
        self._fuse.burn()
        for earlier in self._containers.values():  # the newest record is the only one
            if earlier.adopted and earlier.id not in {i.id for i in instances}:
                earlier.adopted = earlier.labelled = False
        for container in (self._containers[i.id] for i in instances):
            container.stamp, container.labelled, container.adopted = stamp, True, True
            name = container.service.partition("-")[0]
            self.images |= {(s, stamp.sha) for s in (container.service, f"{name}-{color.other}")}
        await self.define(Path("/kept") / stamp.sha, stamp)
        self.published = (stamp.sha, color)
        self.note(f"adopt {stamp.release}")
        self._fuse.burn()
        return []

    async def forget(self, keep: Collection[str]) -> None:
        self.fence()
        self._stamps = {path: stamp for path, stamp in self._stamps.items() if stamp.sha in keep}
        for container in [c for c in self._containers.values() if c.adopted and c.stamp.sha not in keep]:
            container.adopted = container.labelled = False

    async def missing(self, sha: str, services: Sequence[str]) -> list[str]:
        await self.socket.reach()
        return self.lacks(sha, services)

    def lacks(self, sha: str, services: Sequence[str]) -> list[str]:
        """What of a kept release is gone."""
        if absent := [s for s in services if s not in self.roles.get(sha, dict.fromkeys(services))]:
            return [f"a definition of {', '.join(absent)}"]
        return [f"{s}:{sha}" for s in services if not {(s, sha), (_of_the_other_color(s), sha)} & self.images]

    async def publish(self, definition: Definition, color: Color) -> None:
        await self.socket.reach()
        self._may_go_away("publish")
        if definition.sha not in self.definitions:
            raise ReleaseNotKept(f"the definition of {definition.sha} is gone")
        self.fence()
        self.published = (definition.sha, color)
        self.roles[definition.sha] = self._unproven.get(definition.sha, {})

    async def published_release(self) -> tuple[str, Color] | None:
        return self.published

    @property
    def published_path(self) -> Path:
        return Path("/published/compose.json")

    async def publish_updater(self, model: Path) -> None:
        self.published_updater = model

    async def republish(self) -> None:
        """Raises `published_retired` if set; published models contain no retired service."""
        if self.published_retired:
            raise ComposeInvalid(self.published_retired)

    async def compare(self, tree: Path, stamp: Stamp, live: str | None) -> Comparison:
        assert str(tree).startswith("/trees")
        redefined = None if live is None else False
        assert self.stack is not None
        moved = tuple(
            Difference(n, self._image(n, stamp.release), n, redefined, copies=self.copies_of(n, stamp.release))
            for n in self.stack.moved_services()
        )
        return Comparison(
            moved,
            tuple(self.others),
            tuple(self.own),
            tuple(self.retired),
            one_way=stamp.release in self.one_ways,
            forbidden=tuple(used for tag, used in self.forbidden.items() if tag == stamp.release),
            callers=tuple(self.callers),
            sources=self.sources(),
            reading=(tree, stamp),
            networks=self.networks,
            unreached=self.apart.get(stamp.release, {}),
        )

    async def unreached(self, definition: Definition) -> Mapping[str, str]:
        await self.socket.reach()
        stamps = [*self._stamps.values(), *(container.stamp for container in self._containers.values())]
        made = next((stamp for stamp in stamps if stamp.sha == definition.sha), None)
        if made is None:
            raise ReleaseNotKept(f"the definition of {definition.sha} is gone")
        return self.apart.get(made.release, {})

    async def build(
        self, definition: Definition, services: Sequence[str], log: Callable[[str], None]
    ) -> dict[str, str]:
        stamp = self._stamps[definition.path]
        await self.socket.reach()
        self._may_go_away(f"build {stamp.release}")
        for service in services:
            log(f"building {service}")
            if seconds := self._behaviour(service, stamp.release).build_seconds:
                await asyncio.sleep(seconds)
                await self.socket.reach()
            if self.network_away:
                raise BuildFailed("exit code 1", service=service, last_lines=["i/o timeout"], transient="i/o timeout")
            if not self._behaviour(service, stamp.release).builds:
                raise BuildFailed("exit code 17", service=service, last_lines=["no such file"])
            self.images.add((service, stamp.sha))
        return {service: self._image(service, stamp.release) for service in services}

    async def unchanged(self, instance: Instance, definition: Definition) -> bool:
        await self.socket.reach()
        if (instance.service, definition.sha) in self.untagged:
            raise BuildFailed("its image is missing", service=instance.service)
        known = self._containers[instance.id].files
        files = self._files_of.get(definition.path, {})
        now = {path: text for path, text in files.items() if instance.service in self.files[path].services}
        same = instance.image == self._image(instance.service, self._stamps[definition.path].release)
        return same and known == now

    async def copies(self, definition: Definition, service: str) -> int:
        await self.socket.reach()
        if (stamp := self._stamps.get(definition.path)) is None:
            raise ReleaseNotKept(f"the definition of {definition.sha} is gone")
        adopted = [c for c in self._of(service) if c.adopted and c.stamp == stamp]
        return len(adopted) or self._behaviour(service, stamp.release).copies

    async def needs(self, definition: Definition, service: str) -> Mapping[str, bool]:
        assert definition.path in self._stamps
        await self.socket.reach()
        return dict(self.needed.get(service, {}))

    async def one_way(self, sha: str) -> bool:
        return any(stamp.release in self.one_ways for stamp in self._stamps.values() if stamp.sha == sha)


def _of_the_other_color(service: str) -> str:
    name, _, color = service.partition("-")
    return f"{name}-{Color(color).other}" if color else service
