"""Traefik's route file: written outside the watched directory, then renamed into it."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.domain.errors import RouteNotConfirmed, SettingsInvalid
from app.domain.stack import Color, Stack
from app.files import replace_durably
from workers.adapters.threads import in_file_thread, to_its_end
from workers.adapters.traefik.api import complaints, entrypoints, loaded
from workers.adoption.strays import Strays, strays_in
from workers.ports.mutation import Fence, no_fence
from workers.ports.route import Reached
from workers.routing import route_file
from workers.routing.dynamic_file import TOML, is_read
from workers.routing.kept_rendering import KeptRendering
from workers.routing.names import router_names
from workers.routing.servers import Hosts

FIRST_NAME = "updater-routes.yml"
"""The file of versions that knew one stack in a directory. The first flip removes it."""
STAGING_NAME = ".updater-staging"
MODE = 0o644


def file_name(stack: Stack) -> str:
    """The name of the stack's route file in a directory that many stacks may share."""
    return f"updater-{stack.project}.yml"


class RouteFile:
    """The live route file. `path` is the file, or the directory that Traefik watches and that many stacks may share.

    Any event in the watched directory makes Traefik reload everything and then wait for its throttle. The new content
    is therefore staged in a directory beside it, which must be on the same filesystem.
    """

    def __init__(self, path: Path, stack: Stack, *, fence: Fence = no_fence) -> None:
        named = is_read(path.name) and not path.is_dir()
        self._path = path if named else path / file_name(stack)
        self._first = self._path.parent / FIRST_NAME
        self._copies: route_file.AllCopies = {}
        self._right = KeptRendering()
        self._staging = self._path.parent.parent / STAGING_NAME
        self._stack = stack
        self._fence = fence

    def check(self) -> None:
        """Raises SettingsInvalid if a rename into the watched directory cannot work."""
        watched = self._path.parent
        if self._path.name.lower().endswith(TOML):
            raise SettingsInvalid(
                f"UPDATER_TRAEFIK_DYNAMIC_PATH: {self._path} is TOML, but the updater writes YAML. Set it to "
                f"{watched}, or to a .yml file in it. The updater takes over the routes of the TOML file."
            )
        try:
            self._staging.mkdir(exist_ok=True)
            same = self._staging.stat().st_dev == watched.stat().st_dev
        except OSError as error:
            raise SettingsInvalid(f"UPDATER_TRAEFIK_DYNAMIC_PATH: {watched} cannot be used ({error})") from error
        if other := self._other_stack():
            raise SettingsInvalid(f"UPDATER_TRAEFIK_DYNAMIC_PATH: {other}")
        if not same:
            raise SettingsInvalid(
                f"UPDATER_TRAEFIK_DYNAMIC_PATH: {watched} and {self._staging} are on two filesystems, so a rename "
                "between them is not atomic. Mount the parent directory, and let Traefik watch a directory inside it."
            )

    @property
    def file(self) -> Path:
        return self._path

    @property
    def where(self) -> str:
        return str(self._path)

    async def unfit(self) -> list[str]:
        return []

    async def flip(
        self,
        color: Color,
        rollout: str,
        copies: route_file.Copies | None = None,
        *,
        stack: Stack | None = None,
    ) -> None:
        with suppress(OSError):
            await self._now()
        self._copies = {**self._copies, color: copies} if copies is not None else self._copies
        await self._install(route_file.render(stack or self._stack, color, rollout, self._copies))

    async def clear(self) -> None:
        await self._install(route_file.render_empty(self._stack))

    async def stands(self, color: Color, rollout: str | None, *, stack: Stack | None = None) -> bool:
        try:
            text, state = await self._now()
        except OSError:
            return False
        if state is None or state.color is not color or rollout is None:
            return state is not None and state.color is color
        return text == self._right.of(stack or self._stack, color, rollout, state.copies)

    async def strays(self, reached: Reached | None = None, *, stack: Stack | None = None) -> list[str]:
        of = stack or self._stack
        found = await in_file_thread(self._strays, of, {})
        if found.unclear and reached is not None:
            found = await in_file_thread(self._strays, of, await reached())
        return found.files

    async def files(self) -> Mapping[str, str]:
        try:
            return await in_file_thread(self._files)
        except OSError as error:
            raise RouteNotConfirmed(f"{self._path.parent} cannot be read ({error})") from error

    async def loaded(self) -> Mapping[str, Any]:
        api = self._stack.traefik.api
        return await loaded(api) if api else {}

    async def entrypoints(self) -> Mapping[str, Mapping[str, Any]]:
        api = self._stack.traefik.api
        return await entrypoints(api) if api else {}

    async def complaints(self) -> list[str]:
        api = self._stack.traefik.api
        return await complaints(api, router_names(self._stack)) if api else []

    async def restore(self, files: Mapping[str, str]) -> None:
        try:
            await to_its_end(self._restore, files)
        except OSError as error:
            raise RouteNotConfirmed(f"the files of {self._path.parent} could not be restored ({error})") from error

    async def set_aside(self, name: str) -> None:
        aside = self._aside(name)
        try:
            self._staging.mkdir(exist_ok=True)
            await to_its_end(self._move, self._path.parent / name, aside)
        except OSError as error:
            raise RouteNotConfirmed(f"{name} could not be moved to {aside} ({error})") from error

    async def active(self) -> Color | None:
        state = await self._state()
        return state.color if state else None

    async def rollout(self) -> str | None:
        state = await self._state()
        return state.rollout if state else None

    async def copies(self, color: Color) -> route_file.Copies:
        state = await self._state()
        return state.copies.get(color, {}) if state else {}

    async def _state(self) -> route_file.RouteState | None:
        try:
            return (await self._now())[1]
        except OSError as error:
            raise RouteNotConfirmed(f"{self._path} cannot be read ({error})") from error

    async def _now(self) -> tuple[str | None, route_file.RouteState | None]:
        """The file's text and what it says now. Remembers its copies, for when it is lost. Raises OSError."""
        text = await in_file_thread(self._known, self._path)
        if text is None:
            text = await in_file_thread(self._known, self._first)
        state = route_file.read(text, self._stack) if text is not None else None
        if state is not None and state.copies:
            self._copies = {**self._copies, **state.copies}
        return text, state

    async def _install(self, text: str) -> None:
        try:
            await to_its_end(self._replace, text.encode())
        except OSError as error:
            where = f"{self._path} could not be replaced from {self._staging}"
            raise RouteNotConfirmed(f"{where} ({error}). Both must be writable and on the same filesystem.") from error

    def _move(self, path: Path, to: Path) -> None:
        self._fence()
        path.replace(to)

    def _aside(self, name: str) -> Path:
        return self._staging / f"{name.replace('/', '__')}.set-aside"

    def _restore(self, files: Mapping[str, str]) -> None:
        """Restores `files`. A file that was set aside is moved back, so it keeps its mode, owner and bytes."""
        now = self._files()
        for name in (name for name in files if now.get(name) != files[name]):
            path, aside = self._path.parent / name, self._aside(name)
            if aside.is_symlink() or self._text(aside) == files[name]:  # a relative link is broken there
                self._move(aside, path)
            if self._text(path) != files[name]:
                self._write(path, files[name].encode())
        if self._path.name not in files:
            self._fence()
            self._path.unlink(missing_ok=True)

    def _strays(self, stack: Stack, hosts: Hosts) -> Strays:
        try:
            files = self._files()
        except OSError:
            return Strays([])
        if route_file.read(files.get(FIRST_NAME, ""), self._stack):
            files = {n: text for n, text in files.items() if n != FIRST_NAME or n == self._path.name}  # until a flip
        return strays_in(files, self._path.name, stack, hosts)

    def _files(self) -> dict[str, str]:
        """Reads the watched directory with its subdirectories, as Traefik does. Skips deleted files. Raises OSError."""
        watched = self._path.parent
        paths = sorted(path for path in watched.rglob("*") if is_read(path.name) and path.is_file())
        texts = {str(path.relative_to(watched)): self._text(path) for path in paths}
        return {name: text for name, text in texts.items() if text is not None}

    @staticmethod
    def _text(path: Path) -> str | None:
        """Returns None if the file is missing. Replaces bytes that are not UTF-8, which makes the file invalid."""
        try:
            return path.read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return None

    @staticmethod
    def _known(path: Path) -> str | None:
        """Returns None if the file is missing or not text. Raises OSError if that cannot be known."""
        try:
            return path.read_text("utf-8")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, UnicodeDecodeError):
            return None

    def _read(self, path: Path) -> str | None:
        """Returns None if the file is missing, not text or cannot be read: for a file that is replaced anyway."""
        with suppress(OSError):
            return self._known(path)
        return None

    def _replace(self, content: bytes) -> None:
        self._fence()
        if other := self._other_stack():
            raise OSError(other)
        self._keep_foreign()
        self._write(self._path, content)
        if self._first != self._path and route_file.read(self._read(self._first) or "", self._stack):
            self._first.unlink(missing_ok=True)

    def _other_stack(self) -> str | None:
        """Why the file must not be written: the updater of another stack uses it."""
        stack = route_file.written_for(self._read(self._path) or "")
        if stack in {None, "", self._stack.project}:
            return None
        return f"{self._path} has the routes of the stack {stack}: give each stack its own file, or name the directory"

    def _keep_foreign(self) -> None:
        """Keeps another program's file of the same name in the staging directory. It serves until the rename."""
        text = self._read(self._path)
        if text is None or route_file.is_own(text, self._stack):
            return
        aside = self._aside(self._path.name)
        self._staging.mkdir(exist_ok=True)
        aside.unlink(missing_ok=True)
        try:
            os.link(self._path, aside, follow_symlinks=False)
        except OSError:  # https://docs.kernel.org/admin-guide/sysctl/fs.html#protected-hardlinks
            self._write(aside, text.encode())

    def _write(self, path: Path, content: bytes) -> None:
        """The fence is last, right before the rename: a slow disk takes long to store the new content."""
        self._staging.mkdir(exist_ok=True)
        replace_durably(path, content, staging=self._staging, mode=MODE, prepare=lambda _: self._fence())
