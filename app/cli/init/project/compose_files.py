"""Which files Compose reads for a project: those of COMPOSE_FILE, else the first with a usual name.

https://docs.docker.com/compose/how-tos/environment-variables/envvars/
"""

import re
from collections.abc import Mapping
from pathlib import Path

from app.cli.errors import Refused, WrongUse

# In the order in which Compose looks: https://docs.docker.com/compose/intro/compose-application-model/
NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
FILES, SEPARATOR, PROFILES = "COMPOSE_FILE", "COMPOSE_PATH_SEPARATOR", "COMPOSE_PROFILES"
_LINE = re.compile(r"\s*(?:export\s+)?(\w+)\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|(.*?))(?:\s+#.*|\s*)")


def compose_files(directory: Path, environ: Mapping[str, str]) -> list[Path]:
    """The files, in order. Raises WrongUse if there is none, Refused if COMPOSE_FILE names one that does not exist."""
    values = {**_of_env_file(directory), **environ}
    if named := values.get(FILES):
        return [_existing(directory, each) for each in named.split(values.get(SEPARATOR) or ":") if each]
    file = next((directory / name for name in NAMES if (directory / name).is_file()), None)
    if file is None:
        raise WrongUse(
            f"There is no Compose file in {directory} ({', '.join(NAMES)}).", "Name the directory that contains it."
        )
    return [file]


def active_profiles(directory: Path, environ: Mapping[str, str]) -> frozenset[str]:
    """The profiles that COMPOSE_PROFILES activates here; `*` for all of them."""
    named = {**_of_env_file(directory), **environ}.get(PROFILES, "")
    return frozenset(filter(None, map(str.strip, named.split(","))))


def _existing(directory: Path, name: str) -> Path:
    file = directory / name
    if not file.is_file():
        raise Refused(
            f"{FILES} names {name}, which is no file in {directory}.",
            f"Correct {FILES} in .env or in the environment, then run this again.",
        )
    return file


def _of_env_file(directory: Path) -> dict[str, str]:
    """Those of these variables that the project's .env has: Compose takes them from there."""
    try:
        lines = (directory / ".env").read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found = (match for line in lines if (match := _LINE.fullmatch(line)))
    return {
        match[1]: match[2] or match[3] or match[4] or "" for match in found if match[1] in {FILES, SEPARATOR, PROFILES}
    }
