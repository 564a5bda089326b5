"""Docker Compose: builds its commands, runs them and interprets their failures."""

import json
import re
import shlex
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from app.config.compose_command import compose_command
from app.domain.errors import BuildFailed, ComposeInvalid, EngineFailed, StartFailed
from workers.adapters.commands import Finished, read_command, run_command
from workers.adapters.threads import in_file_thread
from workers.definition.transform import ONCE_LABEL
from workers.ports.mutation import Fence, no_fence

CONFIG_SECONDS = 60.0
LAST_LINES = 20
MISSING = Path("/dev/null/compose.yml")
"""A Compose file that cannot exist."""

CUT_OFF = re.compile(
    r"(?!#|\d).*(Cannot connect to the Docker daemon|error during connect|error reading from server: EOF)"
)
"""A failed command's output when the engine became unreachable. A build's own output begins with `#` or its time."""

Command = list[str]
T = TypeVar("T")


def find_compose(configured: str | None = None) -> Command:
    """Returns the command for Docker Compose: the configured one, this environment's binary, or the plugin.

    Raises EngineFailed when none of them exists.
    """
    if found := compose_command(configured):
        return found
    raise EngineFailed("Docker Compose was not found. Install it, or set UPDATER_COMPOSE to its command.")


def config_command(compose: Command, file: Path, directory: str, project: str) -> Command:
    """Prints the model of `file`, resolved with the `.env` and the paths of the live `directory`."""
    return [
        *compose,
        *("--file", str(file), "--project-directory", directory, "--project-name", project, "--profile", "*"),
        *("config", "--format", "json"),
    ]


def uninterpolated_command(compose: Command, file: Path, directory: str, project: str) -> Command:
    """Prints the model without values of variables, which is the only one that names each service's `env_file`."""
    return [*config_command(compose, file, directory, project), "--no-interpolate"]


def hashes_command(compose: Command, file: Path, directory: str, project: str) -> Command:
    """Prints `service hash` for each service. Compose compares the hash with the container's label."""
    return [*config_command(compose, file, directory, project)[:-2], "--hash", "*"]


def by_hand_command(compose: Command) -> Command:
    """Prints the model that a plain `docker compose` in the live directory uses, including its own COMPOSE_FILE."""
    return [*compose, "config", "--format", "json"]


def _project(compose: Command, model: Path, project: str) -> Command:
    return [
        *compose,
        *("--file", str(model), "--project-name", project, "--profile", "*"),
        *("--env-file", "/dev/null", "--progress", "plain"),
    ]


def build_command(compose: Command, model: Path, project: str, services: Sequence[str]) -> Command:
    return [*_project(compose, model, project), "build", *services]


def pull_command(compose: Command, model: Path, project: str, services: Sequence[str]) -> Command:
    return [*_project(compose, model, project), "pull", "--policy", "missing", *services]


def up_command(compose: Command, model: Path, project: str, services: Sequence[str]) -> Command:
    """Creates and starts the services. Replaces an instance whose definition differs."""
    return [*_project(compose, model, project), "up", "--detach", "--no-deps", "--no-build", *services]


def create_command(compose: Command, model: Path, project: str, service: str, count: int) -> Command:
    """Creates instances of the service until there are `count`. Starts none and changes no other instance."""
    scale = ("--scale", f"{service}={count}")
    flags = ("--no-start", "--no-deps", "--no-build", "--no-recreate")
    return [*_project(compose, model, project), "up", *flags, *scale, service]


def once_command(
    compose: Command, model: Path, project: str, service: str, command: Sequence[str], *, name: str
) -> Command:
    """Runs `command` in a separate container, without the service's network names and ports."""
    flags = ("--no-deps", "--no-TTY", "--interactive=false", "--quiet-pull")
    named = ("--name", name, "--label", f"{ONCE_LABEL}={name}")
    return [*_project(compose, model, project), "run", *flags, *named, service, *command]


def failing_command(compose: Command) -> Command:
    """Fails with every Compose, and needs no engine."""
    return [*compose, "--file", str(MISSING), "config", "--quiet"]


class Compose:
    """Runs the commands for one project on the engine at `host`. The exit code decides whether a command succeeded."""

    def __init__(self, command: Command, project: str, host: str | None, *, fence: Fence = no_fence) -> None:
        self._command, self._fence = command, fence
        self._project = project
        self.host = host
        self.times_cut_off = 0
        self._trusted = False
        # Use Compose's own BuildKit: a `docker` client without buildx would fall back to the classic builder.
        self._env = {"COMPOSE_BAKE": "false", "DOCKER_BUILDKIT": "1", **({"DOCKER_HOST": host} if host else {})}

    async def config(self, file: Path, directory: str) -> dict[str, Any]:
        """Returns the resolved model. Raises ComposeInvalid."""
        return await self._printed(config_command(self._command, file, directory, self._project), file)

    async def _printed(self, command: Command, file: Path) -> dict[str, Any]:
        out = await self._resolve(command, file)
        try:
            model: dict[str, Any] = json.loads(out)
        except ValueError as error:
            raise ComposeInvalid(f"{file.name}: Compose printed invalid JSON") from error
        return model

    async def env_files(self, file: Path, directory: str) -> dict[str, list[str]]:
        """Returns the paths of each service's `env_file`, with their variables. Raises ComposeInvalid."""
        model = await self._printed(uninterpolated_command(self._command, file, directory, self._project), file)
        services: dict[str, Any] = model.get("services") or {}
        return {name: [each["path"] for each in service.get("env_file") or ()] for name, service in services.items()}

    async def hashes(self, file: Path, directory: str) -> dict[str, str]:
        """Returns Compose's hash of each service of `file`. Raises ComposeInvalid."""
        out = await self._resolve(hashes_command(self._command, file, directory, self._project), file)
        lines = [line.split() for line in out.splitlines()]
        return {words[0]: words[1] for words in lines if len(words) == 2}  # noqa: PLR2004 - a name and its hash

    async def _resolve(self, command: Command, file: Path) -> str:
        """Returns the output of `config`. Raises ComposeInvalid."""
        finished, out = await self._read(command)
        if not finished.ok:
            raise ComposeInvalid(f"{file.name} does not resolve", last_lines=finished.lines[-LAST_LINES:])
        return out

    async def by_hand(self, directory: str) -> dict[str, Any] | None:
        """Returns the model that an operator's own command uses in `directory`; None when it does not resolve."""
        try:
            finished, out = await self._read(by_hand_command(self._command), cwd=Path(directory))
            model: dict[str, Any] | None = json.loads(out) if finished.ok else None
        except (EngineFailed, ValueError):
            return None
        return model

    async def version(self) -> str:
        """Returns an empty string when Compose does not run, or when its command loses the exit code."""
        try:
            finished, out = await self._read([*self._command, "version", "--short"])
        except EngineFailed:
            return ""
        return out.strip() if finished.ok else ""

    async def build(self, model: Path, services: Sequence[str], log: Callable[[str], None], limit: float) -> None:
        """Builds in parallel. Raises BuildFailed with the last lines of the output."""
        command = build_command(self._command, model, self._project, services)
        await self._obey(command, limit, log, BuildFailed, ", ".join(services))

    async def pull(self, model: Path, services: Sequence[str], log: Callable[[str], None], limit: float) -> None:
        """Pulls the images of services that have no build. Raises BuildFailed."""
        command = pull_command(self._command, model, self._project, services)
        await self._obey(command, limit, log, BuildFailed, ", ".join(services))

    async def once(
        self, model: Path, service: str, command: Sequence[str], *, name: str, limit: float, log: Callable[[str], None]
    ) -> int:
        """Runs `command` to its end and returns Compose's exit code: that of the command, unless Compose failed.

        Raises TimeoutError after `limit` seconds, EngineFailed.
        """
        whole = once_command(self._command, model, self._project, service, command, name=name)
        await self._keeps_exit_code()
        await in_file_thread(self._fence)
        try:
            finished = await run_command(whole, limit=limit, env=self._env, on_line=log)
        except TimeoutError:
            raise
        except OSError as error:
            raise EngineFailed(f"Compose could not be run: {error}") from error
        return finished.code

    async def up(self, model: Path, services: Sequence[str], limit: float) -> None:
        """Starts all services at once. Raises StartFailed."""
        command = up_command(self._command, model, self._project, services)
        await self._obey(command, limit, None, StartFailed, ", ".join(services))

    async def create(self, model: Path, service: str, count: int, limit: float) -> None:
        """Raises StartFailed."""
        command = create_command(self._command, model, self._project, service, count)
        await self._obey(command, limit, None, StartFailed, service)

    async def _obey(
        self,
        command: Command,
        limit: float,
        log: Callable[[str], None] | None,
        failed: type[BuildFailed | StartFailed],
        service: str,
    ) -> None:
        await self._keeps_exit_code()
        await in_file_thread(self._fence)
        finished = await _limited(run_command(command, limit=limit, env=self._env, on_line=log), "the command")
        if finished.ok:
            return
        if cut_off := next(filter(CUT_OFF.match, finished.lines), None):
            self.times_cut_off += 1
            raise EngineFailed(cut_off.strip(), service=service)
        raise failed(f"exit code {finished.code}", service=service, last_lines=finished.lines[-LAST_LINES:])

    async def _read(self, command: Command, cwd: Path | None = None) -> tuple[Finished, str]:
        """Returns the whole standard output, separate from the last lines of standard error. Raises EngineFailed."""
        await self._keeps_exit_code()
        return await _limited(read_command(command, limit=CONFIG_SECONDS, env=self._env, cwd=cwd), "the command")

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
