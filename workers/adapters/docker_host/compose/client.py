"""Docker Compose: the commands of one project."""

import json
import posixpath
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.domain.errors import BuildFailed, ComposeInvalid, EngineFailed, StartFailed
from workers.adapters.commands import Finished, run_command
from workers.adapters.docker_host.compose import ssh_keys
from workers.adapters.docker_host.compose.commands import (
    Command,
    ComposeFiles,
    as_written_command,
    build_command,
    by_hand_command,
    config_command,
    create_command,
    hashes_command,
    once_command,
    pull_command,
    uninterpolated_command,
    up_command,
    yaml_command,
)
from workers.adapters.docker_host.compose.known_values import KnownValues, question_of
from workers.adapters.docker_host.compose.model_secrets import Learn, learn_env_texts, learn_model, learn_nothing
from workers.adapters.docker_host.compose.program import LAST_LINES, NOTHING, ComposeProgram
from workers.adapters.threads import in_file_thread
from workers.ports.mutation import Fence, no_fence
from workers.redaction.encodings import undoubled
from workers.redaction.found import strings

_TEXTS = "x-updater-texts"
_WARNING = re.compile(r'level=warning msg=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>\S+))')


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


class Compose(ComposeProgram):
    """Runs the commands for one project on the engine at `host`.

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
        super().__init__(command, host, fence)
        self._project, self.learn, self._known = project, learn, KnownValues()

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
        question = await in_file_thread(question_of, texts, given, self._command)
        if (known := self._known.of(question)) is not None:
            return known
        values = await self._values(texts, given)
        self._known.keep(question, await in_file_thread(question_of, texts, given, self._command), values)
        return values

    async def _values(self, texts: Sequence[str], given: ComposeFiles) -> list[str]:
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


def _advice(lines: Iterable[str]) -> str:
    """What to write where Compose only says that it cannot give two containers one name."""
    if any("container name" in line or "container_name" in line for line in lines):
        return (
            ", because two containers would have one name. Traffic is unchanged. Both colors of a service, and all of "
            "its copies, run at once: remove container_name from the services that Compose names below"
        )
    return ""
