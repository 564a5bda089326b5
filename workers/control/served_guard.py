"""Protects what serves: no step of a rollout, recovery or rebuild may stop the color that the route leads to."""

from collections.abc import Collection, Sequence
from typing import Any, cast

from app.domain.errors import StillServes
from app.domain.stack import Color, Stack
from workers.definition.services.roles import COLOR_LABEL, role_in
from workers.ports import Definition, Engine, Instance, Route


def protecting(engine: Engine, route: Route, stack: Stack) -> Engine:
    """Wraps `engine`: stopping, replacing or removing a container of the color in the route file raises StillServes,
    and its release is never pruned.

    No rollout needs that: its route leads to the other color first, or nowhere. So whatever asks for it is mistaken
    about what serves.
    """
    return cast("Engine", _Protecting(engine, route, stack))


class _Protecting:
    def __init__(self, engine: Engine, route: Route, stack: Stack) -> None:
        self._engine, self._route = engine, route
        self._colors = {name: color for name, color in stack.moved_services().items() if color is not None}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def start(self, definition: Definition, services: Sequence[str]) -> list[Instance]:
        """Starts the idle color; Compose would replace running containers of these services."""
        for service in services:
            if any([not i.gone and await self._serves(i) for i in await self._engine.find(service)]):
                raise StillServes(f"{service} was not replaced", service=service)
        return await self._engine.start(definition, services)

    async def stop(self, instance: str, grace: float) -> Instance:
        now = await self._engine.inspect(instance)
        if not now.gone and await self._serves(now):
            raise StillServes(f"{now.service} was not stopped", service=now.service)
        return await self._engine.stop(instance, grace)

    async def remove(self, instance: str) -> None:
        now = await self._engine.inspect(instance)
        if await self._serves(now):
            raise StillServes(f"{now.service} was not removed", service=now.service)
        await self._engine.remove(instance)

    async def prune(self, keep: Collection[str]) -> int:
        """Keeps the release that serves, too: `docker compose up` by hand and a rollback need its definition."""
        return await self._engine.prune([*keep, *await self._served()])

    async def forget(self, keep: Collection[str]) -> None:
        await self._engine.forget([*keep, *await self._served()])

    async def _served(self) -> set[str]:
        """The commits of the containers that run in the color of the route file.

        The published release may have services of other names than the stack file.
        """
        color, colors = await self._route.active(), await self._all_colors()
        services = [name for name, own in colors.items() if color is not None and own is color]
        found = [instance for name in services for instance in await self._engine.find(name)]
        return {instance.sha for instance in found if instance.sha and not instance.gone}

    async def _serves(self, instance: Instance) -> bool:
        color = await self._color_of(instance)
        return color is not None and await self._route.active() is color

    async def _color_of(self, instance: Instance) -> Color | None:
        """That of its labels: the stack file may not name its service any more. An adopted container has none."""
        if COLOR_LABEL in instance.labels:
            return role_in(instance.labels).color
        return (await self._all_colors()).get(instance.service)

    async def _all_colors(self) -> dict[str, Color | None]:
        """By Compose service, of the stack file and of the published release."""
        published = await self._engine.published_release()
        roles = await self._engine.roles_of(published[0]) if published else {}
        return {**self._colors, **{name: role.color for name, role in roles.items()}}
