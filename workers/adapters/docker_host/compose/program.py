"""Docker Compose as a program: runs its commands and interprets their failures."""

import os
import re
import shlex
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import TypeVar

from app.config.compose_command import compose_command
from app.domain.errors import BuildFailed, EngineFailed, StartFailed
from workers.adapters.commands import INHERITED, Finished, read_command, run_command
from workers.adapters.docker_host.compose.commands import Command, failing_command
from workers.adapters.threads import in_file_thread
from workers.adapters.transient_failures import transient_line
from workers.ports.mutation import Fence

CONFIG_SECONDS = 60.0
DOCKER_CONFIG = "DOCKER_CONFIG"
LAST_LINES = 20
NOTHING: Mapping[str, str] = {}

CUT_OFF = re.compile(
    r"(?!#|\d).*(Cannot connect to the Docker daemon|error during connect|error reading from server: EOF)"
)
"""A failed command's output when the engine became unreachable. A build's own output begins with `#` or its time."""

T = TypeVar("T")


def find_compose(configured: str | None = None) -> Command:
    """Returns the command for Docker Compose: the configured one, this environment's binary, or the plugin.

    Raises EngineFailed when none of them exists.
    """
    if found := compose_command(configured):
        return found
    raise EngineFailed("Docker Compose was not found. Install it, or set UPDATER_COMPOSE to its command.")


class ComposeProgram:
    """Runs commands on the engine at `host`. The exit code decides whether a command succeeded.

    `times_cut_off`: how often the engine became unreachable during a command.
    """

    def __init__(self, command: Command, host: str | None, fence: Fence) -> None:
        self._command, self._fence = command, fence
        self.host = host
        self.times_cut_off = 0
        self._trusted = False
        # Use Compose's own BuildKit: a `docker` client without buildx would fall back to the classic builder.
        self._env = {"COMPOSE_BAKE": "false", "DOCKER_BUILDKIT": "1", **({"DOCKER_HOST": host} if host else {})}
        if DOCKER_CONFIG in os.environ:  # the credentials for registries
            self._env[DOCKER_CONFIG] = os.environ[DOCKER_CONFIG]
        elif len(command) > 1:  # Docker's own command looks there for its plugins, also where it gets no HOME
            self._env[DOCKER_CONFIG] = str(Path("~/.docker").expanduser())

    async def _obey(
        self,
        command: Command,
        limit: float,
        log: Callable[[str], None] | None,
        failed: type[BuildFailed | StartFailed],
        service: str,
        *,
        env: Mapping[str, str] = NOTHING,
    ) -> None:
        await self._keeps_exit_code()
        await in_file_thread(self._fence)
        env = {**self._env, **env}
        finished = await _limited(run_command(command, limit=limit, env=env, on_line=log), "the command")
        if finished.ok:
            return
        if cut_off := next(filter(CUT_OFF.match, finished.lines), None):
            self.times_cut_off += 1
            raise EngineFailed(cut_off.strip(), service=service)
        last = finished.lines[-LAST_LINES:]
        raise failed(f"exit code {finished.code}", service=service, last_lines=last, transient=transient_line(last))

    async def _read(
        self,
        command: Command,
        cwd: Path | None = None,
        env: Mapping[str, str] = NOTHING,
        inherited: Collection[str] = INHERITED,
    ) -> tuple[Finished, str]:
        """Returns the whole standard output, separate from the last lines of standard error. Raises EngineFailed."""
        await self._keeps_exit_code()
        needed = self._env if inherited == INHERITED else {k: v for k, v in self._env.items() if k == DOCKER_CONFIG}
        env = {**needed, **env}
        read = read_command(command, limit=CONFIG_SECONDS, env=env, cwd=cwd, inherited=inherited)
        return await _limited(read, "the command")

    async def _keeps_exit_code(self) -> None:
        """Refuses a command that ends with 0 when Compose fails, as some wrappers do. Asked once.

        Every failure would look like a success. Raises EngineFailed.
        """
        if self._trusted:
            return
        asked = run_command(failing_command(self._command), limit=CONFIG_SECONDS, env=self._env)
        if (await _limited(asked, "the command")).ok:
            raise EngineFailed(
                f"`{shlex.join(self._command)}` ends with exit code 0 when Docker Compose fails, so a failed step "
                "would look like a success. Traffic is unchanged. Set UPDATER_COMPOSE to the Docker Compose binary."
            )
        self._trusted = True


async def _limited(running: Awaitable[T], what: str) -> T:
    try:
        return await running
    except TimeoutError as late:
        raise EngineFailed(f"Compose: {what} took longer than its limit") from late
    except OSError as error:
        raise EngineFailed(f"Compose could not be run: {error}") from error
