"""Reads one configuration file of Traefik on this machine, or says why it cannot."""

import stat
import tomllib
from pathlib import Path
from typing import Any

import yaml

MOST_BYTES = 1_048_576
"""The largest file to read. Traefik has no limit."""

TEMPLATE = "{{"
"""Marks a Go template. Traefik renders those in a dynamic file before it reads the file."""


class Unreadable(Exception):
    """The file cannot be read. The text says why, as the rest of a sentence; it repeats nothing from the file."""


def read_static(file: Path) -> dict[str, Any]:
    """The content of a static file. Raises Unreadable."""
    return _content(file, _text(file))


def read_dynamic_file(file: Path, below: Path | None = None) -> dict[str, Any]:
    """The content of a dynamic file. Raises Unreadable, also for a template.

    `below`: the mounted directory that has it. A symbolic link out of it leads elsewhere in the container.
    """
    text = _text(file)
    if below and file.is_symlink() and not file.resolve().is_relative_to(below.resolve()):
        raise Unreadable("is a symbolic link that leads out of the mounted directory")
    if TEMPLATE in text:
        raise Unreadable("is a Go template, which only Traefik renders")
    return _content(file, text)


def is_absent(file: Path) -> bool:
    """Whether there is surely no such file. One in a directory that cannot be searched is not."""
    try:
        file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def is_directory(path: Path) -> bool:
    """Whether it is a directory, or a link to one, as far as it can be asked."""
    try:
        return path.is_dir()
    except OSError:
        return False


def why_not(error: OSError) -> str:
    """Why a file or directory cannot be read."""
    if isinstance(error, FileNotFoundError):
        return "does not exist on this machine"
    return f"cannot be read ({error.strerror or type(error).__name__})"


def _text(file: Path) -> str:
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise Unreadable("is not a regular file")
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unreadable(why_not(error)) from error
    if len(content) > MOST_BYTES:
        raise Unreadable(f"is larger than {MOST_BYTES // 1024} KiB")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Unreadable("is not UTF-8 text") from error


def _content(file: Path, text: str) -> dict[str, Any]:
    is_toml = file.suffix.lower() == ".toml"
    try:
        content = tomllib.loads(text) if is_toml else _first_document(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise Unreadable(f"is not valid {'TOML' if is_toml else 'YAML'}{_line(error)}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise Unreadable("is not a mapping")
    return content


def _first_document(text: str) -> Any:
    """Traefik reads no more than the first one."""
    return next(iter(yaml.safe_load_all(text)), None)


def _line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" (line {mark.line + 1})" if mark else ""
