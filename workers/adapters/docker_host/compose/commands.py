"""Docker Compose's command lines. Pure, but for the look whether the default `.env` exists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.domain.errors import ComposeInvalid
from app.domain.stack import Stack
from workers.adapters.commands import INHERITED
from workers.definition.labels import ONCE_LABEL
from workers.definition.variables import values_of
from workers.ports import Stamp

MISSING = Path("/dev/null/compose.yml")
"""A Compose file that cannot exist."""

NO_VARIABLES = Path("/dev/null")
DEFAULT_ENV_FILE = ".env"

Command = list[str]


@dataclass(frozen=True)
class ComposeFiles:
    """The Compose `files` of a release or of the live directory, in order, and what sets the variables in them.

    As for Compose itself, paths are relative to the directory of the first file. `variables` come before `env_files`,
    which are those of the operator. `directory`: the operator's, which is $PWD for a person who works there. `home`:
    what `~` is in a release's files; empty if the operator's files do not set HOME.
    """

    files: tuple[Path, ...]
    directory: Path
    env_files: tuple[Path, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    profiles: tuple[str, ...] = ("*",)
    home: str = ""

    @classmethod
    def below(cls, root: Path, stack: Stack, stamp: Stamp | None = None) -> "ComposeFiles":
        """Those of `stack` below `root`: a release's worktree, or the live directory. Raises ComposeInvalid."""
        directory = Path(stack.directory)
        return cls(
            files=tuple(root / file for file in stack.compose_files),
            directory=directory,
            env_files=tuple(_env_files(stack, directory)),
            variables=values_of(stamp.release, stamp.sha, stack.variables, stack.tags) if stamp else {},
            profiles=stack.profiles,
        )

    @property
    def project_directory(self) -> Path:
        return self.files[0].parent

    @property
    def set_by(self) -> tuple[Path, ...]:
        """The operator's files. The default one may not exist."""
        return tuple(file if file != NO_VARIABLES else self.directory / DEFAULT_ENV_FILE for file in self.env_files)

    @property
    def env(self) -> dict[str, str]:
        return {**({"HOME": self.home} if self.home else {}), **self.variables, "PWD": str(self.directory)}

    @property
    def inherited(self) -> tuple[str, ...]:
        """The worker's own variables that Compose may see: for a release, HOME is not the operator's."""
        return ("PATH",) if self.variables else INHERITED

    def with_override(self, file: Path) -> "ComposeFiles":
        """With one more file, whose values replace those of the others."""
        return replace(self, files=(*self.files, file))

    def __str__(self) -> str:
        return ", ".join(file.name for file in self.files)


def _env_files(stack: Stack, directory: Path) -> list[Path]:
    if not stack.env_files:
        default = directory / DEFAULT_ENV_FILE
        return [default if default.exists() else NO_VARIABLES]
    if missing := [name for name in stack.env_files if not (directory / name).is_file()]:
        raise ComposeInvalid(
            f"{', '.join(missing)} is missing in {directory}. Traffic is unchanged. Create it there, or remove it from "
            "env_files in the stack file"
        )
    return [directory / name for name in stack.env_files]


def config_command(compose: Command, given: ComposeFiles, project: str) -> Command:
    """Prints the model of the files. Without `--env-file`, Compose would read the `.env` beside the first of them."""
    return [
        *compose,
        *(word for file in given.files for word in ("--file", str(file))),
        *("--project-directory", str(given.project_directory), "--project-name", project),
        *(word for file in given.env_files for word in ("--env-file", str(file))),
        *(word for profile in given.profiles for word in ("--profile", profile)),
        *("config", "--format", "json"),
    ]


def uninterpolated_command(compose: Command, given: ComposeFiles, project: str) -> Command:
    """Prints the model without values of variables, which is the only one that names each service's `env_file`."""
    return [*config_command(compose, given, project), "--no-interpolate"]


def as_written_command(compose: Command, given: ComposeFiles, project: str) -> Command:
    """Prints the model in which variables and relative paths stay as they are written."""
    return [*uninterpolated_command(compose, given, project), "--no-path-resolution"]


def yaml_command(config: Command) -> Command:
    """Prints as YAML what `config` prints as JSON."""
    at = len(config) - 1 - config[::-1].index("json")
    return [*config[:at], "yaml", *config[at + 1 :]]


def hashes_command(compose: Command, given: ComposeFiles, project: str) -> Command:
    """Prints `service hash` for each service. Compose compares the hash with the container's label."""
    return [*config_command(compose, given, project)[:-2], "--hash", "*"]


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


def pull_command(compose: Command, model: Path, project: str, services: Sequence[str], *, always: bool) -> Command:
    policy = "always" if always else "missing"
    return [*_project(compose, model, project), "pull", "--policy", policy, *services]


def up_command(
    compose: Command, model: Path, project: str, services: Sequence[str], *, renew_volumes: bool = False
) -> Command:
    """Creates and starts the services. Replaces an instance whose definition differs.

    With `renew_volumes`, it replaces every instance, and the new one does not get the old one's anonymous volumes.
    """
    renew = ("--renew-anon-volumes",) if renew_volumes else ()
    return [*_project(compose, model, project), "up", "--detach", "--no-deps", "--no-build", *renew, *services]


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
