"""The part of the engine that starts and stops the stack's services."""

from collections.abc import Callable, Sequence
from typing import Protocol

from app.domain.stack import Color
from workers.ports.engine.definition import Definition, Stamp
from workers.ports.engine.instance import CheckResult, Instance, Outsider
from workers.ports.mutation import mutation


class Containers(Protocol):
    """The instances of the services.

    What one rollout made of one service belongs together: an engine may start, stop and remove all of it if it is asked
    for one of these instances. Callers always ask for all.
    """

    @mutation
    async def start(self, definition: Definition, services: Sequence[str]) -> list[Instance]:
        """Creates and starts the instances of `services`, all in one call; replaces stopped instances.

        Of each service as many as the definition says. Returns all, in the order of `services`. When an adopted release
        is recalled, starts the instances that were adopted, if all still exist. Raises StartFailed with the first
        service that does not run with all of its instances. If an instance is on another machine of the engine, its
        failure may show only later, as a restart.
        """

    @mutation
    async def create(self, definition: Definition, service: str) -> Instance:
        """Creates an instance of `service` beside the existing ones, without starting it. Raises StartFailed.

        If the definition's rollout has made one, completes that one and returns it: an earlier call may have been cut
        off. From then on, an existing instance that has ended or is stopped stays so when the engine restarts.
        """

    @mutation
    async def create_copies(self, definition: Definition, service: str) -> list[Instance]:
        """Creates as many instances of `service` as `copies` says beside the existing ones, without starting them.

        Completes and returns those that the definition's rollout has made, as `create` does. Raises StartFailed.
        """

    @mutation
    async def resume(self, instance: str) -> None:
        """Starts a stopped or created instance, which the engine restarts from then on. Raises StartFailed."""

    @mutation
    async def stop(self, instance: str, grace: float) -> Instance:
        """Stops it, kills it after `grace` seconds, and returns how it ended. No error if it is already gone.

        The engine does not start it by itself any more, also if it had ended before: `resume` does.
        It may not be gone: in particular if it runs on a machine of the engine that does not answer.
        """

    @mutation
    async def remove(self, instance: str) -> None:
        """Removes a stopped instance, but keeps an adopted one. No error if it does not exist."""

    async def find(self, service: str, *, rollout: str | None = None) -> list[Instance]:
        """The service's instances, including stopped ones; with `rollout`, only those that this rollout made."""

    async def named(self, name: str) -> list[Instance]:
        """The instances that rollouts made of the singleton or follower `name`, under whatever Compose service.

        The stack file may have named another service for it then. Without adopted instances, and those of an earlier
        updater, which did not record the name.
        """

    async def outside(self, service: str) -> list[Outsider]:
        """What runs `service` outside the project, as `find` does not see it. Raises EngineFailed."""

    async def inspect(self, instance: str) -> Instance:
        """The instance's current state; `removed` if it does not exist."""

    async def check(self, instance: str, limit: float) -> CheckResult:
        """Runs the instance's own health check once, now, and waits for its end.

        If it runs on another machine of the engine, waits at most `limit` for the verdict of that machine instead.
        The check has not passed if there is none, if the instance does not run, if the check cannot start, or if it
        does not end within `limit` seconds or its own limit. A check that hangs may keep running after that; until it
        ends, no other check starts.
        """

    async def tail(self, instance: str, lines: int) -> list[str]:
        """The last `lines` lines of its output. Of an instance that was stopped, there may be none."""

    @mutation
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
        """Runs `command` to its end in a separate instance without traffic, and streams the output to `log`.

        An empty `command` is the service's own.

        Raises BeforeFlipFailed if it does not succeed within `limit` seconds. `sweep` removes what then remains, and
        what remains after a worker was killed.
        """

    @mutation
    async def sweep(self) -> list[str]:
        """Stops and removes what `run_once` left behind, in any rollout; returns the names."""

    @mutation
    async def adopt(self, stamp: Stamp, color: Color, instances: Sequence[Instance]) -> list[str]:
        """Records `instances`, of `color`, singletons and followers, as if the updater had made them for `stamp`.

        Keeps the images, records and publishes the definition, and makes sure that a stopped instance stays stopped
        when the engine restarts. Stops, starts and creates nothing. Calling it again changes nothing.
        Returns the services that cannot be recreated from the definition, because they run with another one.
        Raises ComposeInvalid, EngineFailed.
        """
