"""Where the traffic goes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from app.domain.stack import Color
from workers.ports.mutation import mutation


class Route(Protocol):
    """The one file that says which color gets the traffic."""

    @mutation
    async def flip(self, color: Color, rollout: str) -> None:
        """Moves all routes in one step; answers carry `rollout` from then on. Raises RouteNotConfirmed."""

    @mutation
    async def clear(self) -> None:
        """No route any more: there is nothing healthy to point to."""

    @property
    def file(self) -> Path:
        """Where it is, as the worker sees it."""

    async def stands(self, color: Color, rollout: str | None) -> bool:
        """Whether the file is what `flip` wrote; without a rollout, whether it names that color."""

    async def strays(self) -> list[str]:
        """Files beside it that claim its names, or that nobody can read: Traefik would believe neither."""

    @mutation
    async def set_aside(self, name: str) -> None:
        """Takes that file out of the watched directory, and keeps it. Raises RouteNotConfirmed."""

    async def active(self) -> Color | None:
        """Where the file points now; None when it is missing or not ours."""

    async def files(self) -> Mapping[str, str]:
        """The text of every file that Traefik reads in the watched directory, by its path inside it.

        Raises RouteNotConfirmed if one cannot be read.
        """

    @mutation
    async def restore(self, files: Mapping[str, str]) -> None:
        """Those files are in the watched directory as `files` gave them, and the route file only if it is one of them.

        Raises RouteNotConfirmed.
        """
