"""The route file: which color gets the traffic."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from app.domain.stack import Color, RoutedService, Stack
from workers.ports.mutation import mutation

Reached = Callable[[], Awaitable[Mapping[str, Sequence[tuple[RoutedService, Color]]]]]
"""Returns the routed services and colors by the names and addresses of their containers."""


class Route(Protocol):
    """The single file that routes the traffic to a color."""

    @mutation
    async def flip(
        self,
        color: Color,
        rollout: str,
        copies: Mapping[str, tuple[str, ...]] | None = None,
        *,
        stack: Stack | None = None,
    ) -> None:
        """Moves all routes in one step; answers then carry `rollout`. Raises RouteNotConfirmed.

        `copies`: the host names of the color's containers by routed service; None: those of the last flip to it.
        `stack`: the stack as the release on `color` has it; what it lacks gets no route. None: today's stack.
        """

    @mutation
    async def clear(self) -> None:
        """Removes every route, because nothing healthy is left to point to."""

    @property
    def file(self) -> Path:
        """The path of the route file, as the worker sees it. Only its name counts if the routes are in no file."""

    @property
    def where(self) -> str:
        """Where the routes are, for messages."""

    async def unfit(self) -> list[str]:
        """Why Traefik may not notice a change of the routes where they are, each with what to do; usually empty."""

    async def stands(self, color: Color, rollout: str | None, *, stack: Stack | None = None) -> bool:
        """Whether the file is what `flip` wrote. Without a rollout: whether the file names `color`."""

    async def strays(self, reached: Reached | None = None, *, stack: Stack | None = None) -> list[str]:
        """Files beside the route file that stop Traefik from following it.

        They claim its names, cannot be read, or take its requests and lead to the stack. `reached` is asked if only the
        names and addresses of the stack's containers can say whether a file leads there.
        """

    @mutation
    async def set_aside(self, name: str) -> None:
        """Moves the file `name` out of the watched directory and keeps it. Raises RouteNotConfirmed."""

    async def active(self) -> Color | None:
        """The color that the file points to now; None if the file is missing or is not the updater's.

        Raises RouteNotConfirmed if the file cannot be read: it may then lead to any color.
        """

    async def rollout(self) -> str | None:
        """The rollout id that answers carry if Traefik follows the file; None and errors as for `active`."""

    async def copies(self, color: Color) -> Mapping[str, tuple[str, ...]]:
        """The host names by which the file reaches `color`, by routed service; empty if it has none.

        Raises RouteNotConfirmed as `active`.
        """

    async def files(self) -> Mapping[str, str]:
        """The text of every file that Traefik reads, by its path inside the watched directory.

        Raises RouteNotConfirmed if a file cannot be read.
        """

    async def loaded(self) -> Mapping[str, Any]:
        """What Traefik has loaded, of every provider, as `/api/rawdata` says it; empty if Traefik is not asked.

        Raises RouteNotConfirmed if its API cannot be read.
        """

    async def entrypoints(self) -> Mapping[str, Mapping[str, Any]]:
        """Traefik's entrypoints by name, each as `/api/entrypoints` has it; empty if Traefik is not asked.

        Raises RouteNotConfirmed if its API cannot be read.
        """

    async def complaints(self) -> list[str]:
        """What Traefik says against the routes in the file, in its words; empty if it says nothing or is not asked."""

    @mutation
    async def restore(self, files: Mapping[str, str]) -> None:
        """Restores the watched directory to what `files()` returned. Deletes the route file if it is not in `files`.

        Raises RouteNotConfirmed.
        """
