"""Traefik's route file: staged outside the watched directory, renamed in."""

import asyncio
import contextlib
from pathlib import Path

from app.domain.errors import RouteNotConfirmed, SettingsInvalid
from app.domain.stack import Color, Stack
from workers import routes
from workers.adapters.files import replace_durably

FILE_NAME = "updater-routes.yml"
STAGING_NAME = ".updater-staging"
MODE = 0o644


class RouteFile:
    """The live route file. `path` is the file, or the directory that Traefik watches.

    Any event in the watched directory makes Traefik rebuild everything and then sleep its throttle, so the new
    content is staged in a directory beside it: that has to be on the same filesystem.
    """

    def __init__(self, path: Path, stack: Stack) -> None:
        self._path = path / FILE_NAME if path.suffix not in {".yml", ".yaml"} else path
        self._staging = self._path.parent.parent / STAGING_NAME
        self._stack = stack

    def check(self) -> None:
        """Raises SettingsInvalid when a rename into the watched directory cannot work."""
        watched = self._path.parent
        try:
            self._staging.mkdir(exist_ok=True)
            same = self._staging.stat().st_dev == watched.stat().st_dev
        except OSError as error:
            raise SettingsInvalid(f"UPDATER_TRAEFIK_DYNAMIC_PATH: {watched} cannot be used ({error})") from error
        if not same:
            raise SettingsInvalid(
                f"UPDATER_TRAEFIK_DYNAMIC_PATH: {watched} and {self._staging} are on two filesystems, and a rename "
                "between them is no single step. Mount the parent directory, and have Traefik watch one inside it."
            )

    @property
    def file(self) -> Path:
        return self._path

    async def flip(self, color: Color, rollout: str) -> None:
        await self._install(routes.render(self._stack, color, rollout))

    async def clear(self) -> None:
        await self._install(routes.render_empty())

    async def active(self) -> Color | None:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return routes.active_color(await asyncio.to_thread(self._path.read_text, "utf-8"), self._stack)
        return None

    async def _install(self, text: str) -> None:
        try:
            await asyncio.shield(asyncio.to_thread(self._replace, text.encode()))
        except OSError as error:
            where = f"{self._path} could not be replaced from {self._staging}"
            raise RouteNotConfirmed(f"{where} ({error}). Both have to be on one filesystem and writable.") from error

    def _replace(self, content: bytes) -> None:
        self._staging.mkdir(exist_ok=True)
        replace_durably(self._path, content, staging=self._staging, mode=MODE)
