"""Docker Compose: builds its commands, runs them and interprets their failures."""

import json
import re
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
FAILED_WORDS = ("failed to solve", "Error response from daemon")
CUT_OFF = re.compile(
    r"(?!#|\d).*(Cannot connect to the Docker daemon|error during connect|error reading from server: EOF)"
)
"""Compose's output when the engine becomes unreachable. A build's own output begins with `#`, or with its time."""

Command = list[str]
T = TypeVar("T")


def find_compose(configured: str | None = None) -> Command:
    """Returns the command for Docker Compose: the configured one, this environment's `docker-compose`, or the plugin.

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


class Compose:
    """Runs the commands for one project on the engine at `host`."""

    def __init__(self, command: Command, project: str, host: str | None, *, fence: Fence = no_fence) -> None:
        self._command, self._fence = command, fence
        self._project = project
        self.host = host
        self.times_cut_off = 0
        # Use Compose's own BuildKit: a `docker` client without buildx would fall back to the classic builder.
        self._env = {"COMPOSE_BAKE": "false", "DOCKER_BUILDKIT": "1", **({"DOCKER_HOST": host} if host else {})}

    async def config(self, file: Path, directory: str) -> dict[str, Any]:
        """Returns the resolved model. Raises ComposeInvalid."""
        return await self._printed(config_command(self._command, file, directory, self._project), file)

    async def _printed(self, command: Command, file: Path) -> dict[str, Any]:
        finished, out = await _limited(read_command(command, limit=CONFIG_SECONDS, env=self._env), "config")
        if not finished.ok:
            raise ComposeInvalid(f"{file.name} does not resolve", last_lines=finished.lines[-LAST_LINES:])
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
        command = hashes_command(self._command, file, directory, self._project)
        finished, out = await _limited(read_command(command, limit=CONFIG_SECONDS, env=self._env), "config")
        if not finished.ok:
            raise ComposeInvalid(f"{file.name} does not resolve", last_lines=finished.lines[-LAST_LINES:])
        lines = [line.split() for line in out.splitlines()]
        return {words[0]: words[1] for words in lines if len(words) == 2}  # noqa: PLR2004 - a name and its hash

    async def by_hand(self, directory: str) -> dict[str, Any] | None:
        """Returns the model that an operator's own command uses in `directory`; None when it does not resolve."""
        try:
            running = read_command(
                by_hand_command(self._command), limit=CONFIG_SECONDS, env=self._env, cwd=Path(directory)
            )
            finished, out = await running
            model: dict[str, Any] | None = json.loads(out) if finished.ok else None
        except (TimeoutError, OSError, ValueError):
            return None
        return model

    async def version(self) -> str:
        """Returns an empty string when the version is unknown."""
        try:
            _, out = await read_command([*self._command, "version", "--short"], limit=CONFIG_SECONDS, env=self._env)
        except (TimeoutError, OSError):
            return ""
        return out.strip()

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
    ) -> None:
        """Runs `command` to its end. Ask the engine for its exit code: Compose 2.40 always exits with 0.

        Raises TimeoutError after `limit` seconds, EngineFailed.
        """
        whole = once_command(self._command, model, self._project, service, command, name=name)
        await in_file_thread(self._fence)
        try:
            await run_command(whole, limit=limit, env=self._env, on_line=log)
        except TimeoutError:
            raise
        except OSError as error:
            raise EngineFailed(f"Compose could not be run: {error}") from error

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
        await in_file_thread(self._fence)
        finished = await _limited(run_command(command, limit=limit, env=self._env, on_line=log), "the command")
        if cut_off := next(filter(CUT_OFF.match, finished.lines), None):  # with exit code 0 too
            self.times_cut_off += 1
            raise EngineFailed(cut_off.strip(), service=service)
        if not finished.ok or _broke(finished):
            raise failed(f"exit code {finished.code}", service=service, last_lines=finished.lines[-LAST_LINES:])


def _broke(finished: Finished) -> bool:
    """Compose 2.40 exits with 0 after some failures: a build by its own BuildKit, a container name that is in use."""
    return any(line.strip().startswith(FAILED_WORDS) for line in finished.lines)


async def _limited(running: Awaitable[T], what: str) -> T:
    try:
        return await running
    except TimeoutError as late:
        raise EngineFailed(f"Compose: {what} took longer than its limit") from late
    except OSError as error:
        raise EngineFailed(f"Compose could not be run: {error}") from error
