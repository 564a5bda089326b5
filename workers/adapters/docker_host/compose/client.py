"""Docker Compose: builds its commands, runs them and interprets their failures."""

import json
import os
import posixpath
import re
import shlex
import tempfile
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from app.config.compose_command import compose_command
from app.domain.errors import BuildFailed, ComposeInvalid, EngineFailed, StartFailed
from workers.adapters.commands import INHERITED, Finished, read_command, run_command
from workers.adapters.docker_host.compose import ssh_keys
from workers.adapters.docker_host.compose.commands import (
    Command,
    ComposeFiles,
    as_written_command,
    build_command,
    by_hand_command,
    config_command,
    create_command,
    failing_command,
    hashes_command,
    once_command,
    pull_command,
    uninterpolated_command,
    up_command,
    yaml_command,
)
from workers.adapters.docker_host.compose.model_secrets import Learn, learn_env_texts, learn_model, learn_nothing
from workers.adapters.threads import in_file_thread
from workers.adapters.transient_failures import is_transient
from workers.ports.mutation import Fence, no_fence
from workers.redaction.encodings import undoubled
from workers.redaction.found import strings

CONFIG_SECONDS = 60.0
DOCKER_CONFIG = "DOCKER_CONFIG"
LAST_LINES = 20
NOTHING: Mapping[str, str] = {}

_TEXTS = "x-updater-texts"
_WARNING = re.compile(r'level=warning msg=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>\S+))')

CUT_OFF = re.compile(
    r"(?!#|\d).*(Cannot connect to the Docker daemon|error during connect|error reading from server: EOF)"
)
"""A failed command's output when the engine became unreachable. A build's own output begins with `#` or its time."""

T = TypeVar("T")


@dataclass(frozen=True)
class Resolved:
    """A model that Compose resolved, and what it warned of meanwhile: each warning once."""

    model: dict[str, Any]
    warnings: tuple[str, ...] = ()


def warnings_in(lines: Iterable[str]) -> list[str]:
    """The warnings in Compose's standard error: it goes on after them, with exit code 0."""
    found = (match for line in lines for match in [_WARNING.search(line)] if match)
    texts = (match["plain"] or re.sub(r"\\(.)", r"\1", match["quoted"] or "") for match in found)
    return list(dict.fromkeys(texts))


def find_compose(configured: str | None = None) -> Command:
    """Returns the command for Docker Compose: the configured one, this environment's binary, or the plugin.

    Raises EngineFailed when none of them exists.
    """
    if found := compose_command(configured):
        return found
    raise EngineFailed("Docker Compose was not found. Install it, or set UPDATER_COMPOSE to its command.")


class Compose:
    """Runs the commands for one project on the engine at `host`. The exit code decides whether a command succeeded.

    `learn` gets the secrets in every model that it resolves, and in the files that it cannot resolve.
    """

    def __init__(
        self,
        command: Command,
        project: str,
        host: str | None,
        *,
        fence: Fence = no_fence,
        learn: Learn = learn_nothing,
    ) -> None:
        self._command, self._fence = command, fence
        self.learn = learn
        self._project = project
        self.host = host
        self.times_cut_off = 0
        self._trusted = False
        # Use Compose's own BuildKit: a `docker` client without buildx would fall back to the classic builder.
        self._env = {"COMPOSE_BAKE": "false", "DOCKER_BUILDKIT": "1", **({"DOCKER_HOST": host} if host else {})}
        if DOCKER_CONFIG in os.environ:  # the credentials for registries
            self._env[DOCKER_CONFIG] = os.environ[DOCKER_CONFIG]
        elif len(command) > 1:  # Docker's own command looks there for its plugins, also where it gets no HOME
            self._env[DOCKER_CONFIG] = str(Path("~/.docker").expanduser())

    async def resolve(self, given: ComposeFiles) -> Resolved:
        """Resolves the files to a model. Raises ComposeInvalid."""
        finished, model = await self._model(config_command(self._command, given, self._project), given)
        await learn_model(self.learn, model, given.variables.values())
        return Resolved(model, tuple(warnings_in(finished.lines)))

    async def uninterpolated(self, given: ComposeFiles) -> dict[str, Any]:
        """The model without the values of variables. Raises ComposeInvalid, also where only a value makes it valid."""
        return (await self._model(uninterpolated_command(self._command, given, self._project), given))[1]

    async def absolute_paths(self, given: ComposeFiles) -> frozenset[str]:
        """The paths that the files have as absolute ones, also by a variable. Raises ComposeInvalid."""
        written = (await self._model(as_written_command(self._command, given, self._project), given))[1]
        texts = dict.fromkeys(text for text in strings(written) if text.startswith(("/", "$")))
        return frozenset(posixpath.normpath(p) for p in await self.values(list(texts), given) if p.startswith("/"))

    async def values(self, texts: Sequence[str], given: ComposeFiles) -> list[str]:
        """`texts` with the values of the variables in them, as in one of the files. Raises ComposeInvalid."""
        if not texts:
            return []
        with tempfile.TemporaryDirectory(prefix="zu-values-") as directory:
            file = Path(directory) / "compose.json"
            file.write_text(json.dumps({"services": {}, _TEXTS: list(texts)}))
            command = config_command(self._command, replace(given, files=(file,)), self._project)
            model = (await self._model(command, given))[1]
        return [undoubled(text) for text in model[_TEXTS]]

    async def _model(self, command: Command, given: ComposeFiles) -> tuple[Finished, dict[str, Any]]:
        finished, out = await self._resolve(command, given)
        try:
            model: dict[str, Any] = json.loads(out)
        except ValueError as error:
            raise ComposeInvalid(f"{given}: Compose printed invalid JSON") from error
        return finished, model

    async def hashes(self, given: ComposeFiles) -> dict[str, str]:
        """Returns Compose's hash of each service of the files. Raises ComposeInvalid."""
        _, out = await self._resolve(hashes_command(self._command, given, self._project), given)
        lines = [line.split() for line in out.splitlines()]
        return {words[0]: words[1] for words in lines if len(words) == 2}  # noqa: PLR2004 - a name and its hash

    async def _resolve(self, command: Command, given: ComposeFiles) -> tuple[Finished, str]:
        """Returns the output of `config`. Raises ComposeInvalid."""
        # Compose 2.40 looks for the `env_file` of an `include` inside an included file from its own directory
        cwd = given.project_directory if await in_file_thread(given.project_directory.is_dir) else None
        finished, out = await self._read(command, cwd, given.env, given.inherited)
        if not finished.ok:
            await learn_env_texts(self.learn, (*given.env_files, *given.files))  # Compose quotes what it cannot read
            if ssh_keys.is_unprintable(finished.lines):
                _, text = await self._read(yaml_command(command), cwd, given.env, given.inherited)
                raise ComposeInvalid(await in_file_thread(ssh_keys.refusal, text, str(given)))
            verb = "does" if len(given.files) == 1 else "do"
            why = f"{given} {verb} not resolve{_advice(finished.lines)}"
            raise ComposeInvalid(why, last_lines=finished.lines[-LAST_LINES:])
        return finished, out

    async def by_hand(self, directory: str) -> dict[str, Any] | None:
        """Returns the model that an operator's own command uses in `directory`; None when it does not resolve."""
        try:
            finished, out = await self._read(by_hand_command(self._command), cwd=Path(directory))
            model: dict[str, Any] | None = json.loads(out) if finished.ok else None
        except (EngineFailed, ValueError):
            return None
        await learn_model(self.learn, model or {})
        return model

    async def version(self) -> str:
        """Returns an empty string when Compose does not run, or when its command loses the exit code."""
        try:
            finished, out = await self._read([*self._command, "version", "--short"])
        except EngineFailed:
            return ""
        return out.strip() if finished.ok else ""

    async def build(
        self,
        model: Path,
        services: Sequence[str],
        log: Callable[[str], None],
        limit: float,
        env: Mapping[str, str] = NOTHING,
    ) -> None:
        """Builds in parallel. Raises BuildFailed with the last lines of the output.

        Here and below, `env` has the values of secrets and configs that the model takes from the environment.
        """
        command = build_command(self._command, model, self._project, services)
        await self._obey(command, limit, log, BuildFailed, ", ".join(services), env=env)

    async def pull(
        self, model: Path, services: Sequence[str], log: Callable[[str], None], limit: float, *, always: bool
    ) -> None:
        """Pulls the images of services that have no build; without `always`, only those that are not here.

        Raises BuildFailed.
        """
        command = pull_command(self._command, model, self._project, services, always=always)
        await self._obey(command, limit, log, BuildFailed, ", ".join(services))

    async def once(
        self,
        model: Path,
        service: str,
        command: Sequence[str],
        *,
        name: str,
        limit: float,
        log: Callable[[str], None],
        env: Mapping[str, str] = NOTHING,
    ) -> int:
        """Runs `command` to its end and returns Compose's exit code: that of the command, unless Compose failed.

        Raises TimeoutError after `limit` seconds, EngineFailed.
        """
        whole = once_command(self._command, model, self._project, service, command, name=name)
        await self._keeps_exit_code()
        await in_file_thread(self._fence)
        try:
            finished = await run_command(whole, limit=limit, env={**self._env, **env}, on_line=log)
        except TimeoutError:
            raise
        except OSError as error:
            raise EngineFailed(f"Compose could not be run: {error}") from error
        return finished.code

    async def up(
        self,
        model: Path,
        services: Sequence[str],
        limit: float,
        env: Mapping[str, str] = NOTHING,
        *,
        renew_volumes: bool = False,
    ) -> None:
        """Starts all services at once; see `up_command`. Raises StartFailed."""
        command = up_command(self._command, model, self._project, services, renew_volumes=renew_volumes)
        await self._obey(command, limit, None, StartFailed, ", ".join(services), env=env)

    async def create(
        self, model: Path, service: str, count: int, limit: float, env: Mapping[str, str] = NOTHING
    ) -> None:
        """Raises StartFailed."""
        command = create_command(self._command, model, self._project, service, count)
        await self._obey(command, limit, None, StartFailed, service, env=env)

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
        raise failed(f"exit code {finished.code}", service=service, last_lines=last, transient=is_transient(last))

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


def _advice(lines: Iterable[str]) -> str:
    """What to write where Compose only says that it cannot give two containers one name."""
    if any("container name" in line or "container_name" in line for line in lines):
        return (
            ", because two containers would have one name. Traffic is unchanged. Both colors of a service, and all of "
            "its copies, run at once: remove container_name from the services that Compose names below"
        )
    return ""


async def _limited(running: Awaitable[T], what: str) -> T:
    try:
        return await running
    except TimeoutError as late:
        raise EngineFailed(f"Compose: {what} took longer than its limit") from late
    except OSError as error:
        raise EngineFailed(f"Compose could not be run: {error}") from error
