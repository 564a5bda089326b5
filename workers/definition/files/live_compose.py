"""Finds Compose files of the live directory that a plain `docker compose` reads there, and no release does.

https://docs.docker.com/compose/how-tos/environment-variables/envvars/#compose_file
https://docs.docker.com/compose/how-tos/multiple-compose-files/merge/
"""

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

from app.domain.stack import Stack

OVERRIDES = tuple(f"{name}.override.{end}" for name in ("compose", "docker-compose") for end in ("yml", "yaml"))
PUBLISHED = ("releases", "current", "compose.json")
"""The last names in the path of the live definition: the updater publishes it for a plain `docker compose`."""

_LINE = re.compile(r"""\s*(?:export\s+)?(\w+)\s*=\s*(?:'([^']*)'|"([^"]*)"|(.*?))(?:\s+#.*|\s*)""")
_PWD = re.compile(r"\$(?:PWD\b|\{PWD\})")


@dataclass(frozen=True)
class Unused:
    """What was `found`, and the `remedy`."""

    found: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.found}. {self.remedy}"


def unused_files(stack: Stack) -> Unused | None:
    """The files that `stack` does not name in `compose_files`; None if there is none."""
    live = Path(stack.directory)
    settings = _settings(live)
    if named := settings.get("COMPOSE_FILE"):
        separator = settings.get("COMPOSE_PATH_SEPARATOR") or ":"
        names = [_inside(live, name) for name in named.split(separator) if name and not _is_unknown(name)]
        what = f"COMPOSE_FILE in {live}/.env names"
    else:
        names = [name for name in _overrides(stack) if (live / name).is_file()]
        what = f"{live} has"
    unused = [name for name in dict.fromkeys(names) if name not in map(posixpath.normpath, stack.compose_files)]
    return _words(stack, what, unused) if unused else None


def _words(stack: Stack, what: str, unused: list[str]) -> Unused:
    inside = [name for name in unused if not name.startswith(("/", "../"))] or ["…"]
    return Unused(
        f"{what} {', '.join(unused)}, which a plain `docker compose` reads there, but no release does: without it in "
        "compose_files, releases run without what it sets",
        "If they need it, commit it to the repository and write compose_files: "
        f"[{', '.join([*stack.compose_files, *inside])}] in the stack file. If not, set COMPOSE_FILE in "
        f"{stack.directory}/.env to the updater's published definition, as docs/compose.md says",
    )


def _settings(live: Path) -> dict[str, str]:
    try:
        lines = (live / ".env").read_text("utf-8-sig", "replace").splitlines()
    except OSError:
        return {}
    found = (match for line in lines if (match := _LINE.fullmatch(line)))
    return {match[1]: match[2] or match[3] or match[4] or "" for match in found}


def _is_unknown(name: str) -> bool:
    """Whether this is the updater's own file, or one whose path has a variable other than PWD."""
    return Path(name).parts[-len(PUBLISHED) :] == PUBLISHED or "$" in _PWD.sub("", name)


def _inside(live: Path, name: str) -> str:
    """`name` relative to the live directory if it is in it, else as a path of the host or beside it."""
    path = posixpath.normpath(live / _PWD.sub(lambda _: str(live), name))
    relative = posixpath.relpath(path, live)
    return path if relative.startswith("../") and name.startswith("/") else relative


def _overrides(stack: Stack) -> list[str]:
    """Beside the first Compose file, where people may work too, and at the top."""
    directories = dict.fromkeys(("", posixpath.dirname(stack.compose_files[0])))
    return [posixpath.join(directory, name) for directory in directories for name in OVERRIDES]
