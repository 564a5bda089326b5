"""Reads a Compose project: its model from Compose, or from the file alone; its repository from Git."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from app.cli.errors import CommandError, Refused
from app.cli.init.project.compose_files import active_profiles, compose_files
from app.cli.init.project.interpolation import with_defaults
from app.cli.init.project.surrogates import path_of_no_text
from app.config.compose_command import compose_command
from app.config.yaml_text import read_yaml
from app.domain.stack import REPOSITORY

CONFIG_SECONDS = 60.0
GIT_SECONDS = 10.0
LAST_LINES = 5

_GITHUB = re.compile(r"github\.com[:/]+(?P<name>[^/\s]+/[^/\s]+?)(?:\.git)?/?$")

Model = dict[str, Any]


@dataclass(frozen=True)
class Project:
    """`model` is the Compose model; `resolved`: Compose itself read it, with the operator's .env.

    `file` is the first Compose file's path inside the release, `more` are the others. `repository` is `owner/name` on
    GitHub, if Git knows it. `written`: the model before variables got their defaults, if Compose did not read it.
    `images`: service → its image as the files have it, with variables. `profiles`: those that are active here.
    `root`: the release's directory, if the Compose file is in one below it.
    """

    directory: Path
    file: str
    model: Model
    resolved: bool
    why_unresolved: str = ""
    repository: str | None = None
    written: Model = field(default_factory=dict)
    more: tuple[str, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    profiles: frozenset[str] = frozenset()
    root: Path | None = None

    @property
    def services(self) -> Mapping[str, Mapping[str, Any]]:
        return self.part("services")

    @property
    def live(self) -> Path:
        """The live directory: that of the whole release, if the Compose file is in a directory below it."""
        return self.root if self.root and "/" in self.file else self.directory

    def part(self, key: str) -> Mapping[str, Mapping[str, Any]]:
        """A part of the model that maps names to definitions: `services`, `volumes`, `configs`."""
        found = self.model.get(key)
        return {str(k): v for k, v in found.items() if isinstance(v, dict)} if isinstance(found, dict) else {}

    def shown(self, path: Path) -> str:
        """`path` for people: relative to the project's directory."""
        return str(path.relative_to(self.directory)) if path.is_relative_to(self.directory) else str(path)

    @property
    def name(self) -> str:
        """The Compose project's name; by default that of the directory, as in Compose."""
        written = self.model.get("name")
        if not written or "$" in str(written):
            written = self.directory.name
        return re.sub(r"[^a-z0-9_-]", "", str(written).lower()).lstrip("_-") or "stack"


def read_project(directory: Path, environ: Mapping[str, str]) -> Project:
    """The project in `directory`. Raises WrongUse if it has no Compose file, Refused if one is unreadable."""
    where = directory.resolve()
    files = compose_files(where, environ)
    root = git(where, "rev-parse", "--show-toplevel")
    inside, *more = (_inside(file, Path(root).resolve() if root else where) for file in files)
    repository = github_name(git(where, "remote", "get-url", "origin") or "")
    model, why = _compose_model(where, files, environ)
    read = Project(where, inside, model or {}, model is not None, why, repository, more=tuple(more))
    images, profiles = _images(files), active_profiles(where, environ)
    read = replace(read, images=images, profiles=profiles, root=Path(root).resolve() if root else None)
    if model is not None:
        return read
    written = _yaml_model(files[0])
    try:
        bad, plain = path_of_no_text(written), with_defaults(written)
    except RecursionError:
        raise _unreadable(files[0], "it refers to itself") from None
    if bad is not None:
        raise _unreadable(files[0], f"{bad} has half of a character (a lone surrogate)")
    return replace(read, model=plain, written=written)


def _inside(file: Path, root: Path) -> str:
    """Its path in the release. Raises Refused for a file that is elsewhere."""
    path = Path(os.path.normpath(file))
    if not path.is_relative_to(root):
        raise Refused(
            f"The Compose file {path} is outside {root}, so no release has it.",
            "Move it into the repository, or name its directory instead, then run this again.",
        )
    return str(path.relative_to(root))


def github_name(url: str) -> str | None:
    """`owner/name` in a remote's URL; None if it is not on GitHub. The rest of the URL is never shown."""
    match = _GITHUB.search(url.strip())
    return match["name"] if match and REPOSITORY.fullmatch(match["name"]) else None


def _compose_model(directory: Path, files: list[Path], environ: Mapping[str, str]) -> tuple[Model | None, str]:
    """The output of `compose config`, or None and the reason."""
    compose = compose_command(environ.get("UPDATER_COMPOSE"), environ.get("PATH"))
    if compose is None:
        return None, "Docker Compose was not found"
    named = [word for file in files for word in ("--file", str(file))]
    command = [*compose, *named, "--profile", "*", "config", "--format", "json"]
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env=dict(environ),
            capture_output=True,
            text=True,
            errors="surrogateescape",
            stdin=subprocess.DEVNULL,
            timeout=CONFIG_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"`compose config` could not be used ({type(error).__name__})"
    output = " ".join(done.stderr.strip().splitlines()[-LAST_LINES:])
    if done.returncode:
        return None, f"`compose config` failed: {output or f'exit code {done.returncode}'}"
    model = _json(done.stdout)
    if isinstance(model, dict):
        return model, ""
    return None, "; ".join(filter(None, ["`compose config` printed no model", output]))


def _json(text: str) -> Any:
    """`text` as JSON; None if it is invalid."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _yaml_model(file: Path) -> Model:
    """The model in `file` alone."""
    try:
        model = read_yaml(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError) as error:
        raise _unreadable(file, " ".join(str(error).split())) from error
    if not isinstance(model, dict):
        raise _unreadable(file, "it is not a mapping")
    return model


def _images(files: list[Path]) -> dict[str, str]:
    """Service → its image as it is written, with variables, as far as the files can be read."""
    found: dict[str, str] = {}
    for file in files:
        try:
            services = _yaml_model(file).get("services")
        except CommandError:
            continue
        for name, service in (services if isinstance(services, dict) else {}).items():
            if isinstance(service, dict) and service.get("image"):
                found[str(name)] = str(service["image"])
    return found


def _unreadable(file: Path, why: str) -> CommandError:
    return Refused(
        f"{file} cannot be read: {why}.", "Fix it until `docker compose config` prints it, then run this again."
    )


def git(directory: Path, *words: str) -> str | None:
    """The output of a Git command in `directory`; None if it fails or prints nothing."""
    try:
        done = subprocess.run(
            ["git", "-C", str(directory), *words],
            capture_output=True,
            text=True,
            errors="surrogateescape",
            stdin=subprocess.DEVNULL,
            timeout=GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
