"""Copies what only the host has into the demo's live directory: env files first, then whole directories that fit."""

import os
import shutil
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

MOST_BYTES = 20_000_000
MOST_FILES = 2_000
SKIPPED = {".git"}


@dataclass
class Copied:
    """Paths below the source: what was copied, and what was left out, with why."""

    copied: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Size:
    """Of a file, or of a directory with everything in it. `problem`: why it cannot be copied."""

    bytes: int = 0
    files: int = 0
    problem: str | None = None


def copy_host_files(
    source: Path, live: Path, tracked: Collection[str], first: Collection[str], most_bytes: int = MOST_BYTES
) -> Copied:
    """Copies what is in `source` and not in `tracked` (paths of the release) to `live`.

    `first`: the env files, which are copied whatever their size. A directory without any file of the release is copied
    as a whole or not at all: half of a data directory is worse than none. In place of one that is left out, `live` gets
    an empty one. Nothing in `source` is changed, and no link that leads out of it is followed.
    """
    result = Copied()
    left_bytes, left_files = most_bytes, MOST_FILES
    names = [name for name in first if name not in tracked and (source / name).is_file()]
    for name in names:
        _into(result, name, (source / name).resolve(), live)
    found = [unit for unit in _units(source, "", tracked) if unit not in names]
    sizes = {unit: _size(source / unit, source) for unit in found}
    for unit, size in sorted(sizes.items(), key=lambda item: item[1].bytes):
        problem = size.problem
        if problem is None and (size.bytes > left_bytes or size.files > left_files):
            problem = f"{size.bytes / 1e6:.0f} MB in {size.files} files; the limit is {most_bytes / 1e6:.0f} MB in all"
        if problem is not None:
            result.left_out[unit] = problem
            if (source / unit).is_dir() and not (source / unit).is_symlink():
                (live / unit).mkdir(parents=True, exist_ok=True)
            continue
        left_bytes, left_files = left_bytes - size.bytes, left_files - size.files
        _into(result, unit, source / unit, live)
    return result


def _into(result: Copied, name: str, path: Path, live: Path) -> None:
    target = live / name
    if not target.parent.resolve().is_relative_to(live.resolve()):
        result.left_out[name] = "it is behind a link of the release"
        return
    try:
        _copy(path, target)
    except OSError as error:  # shutil.Error is one, of many files
        result.left_out[name] = f"it cannot be copied ({error.strerror or 'it changed meanwhile'})"
    else:
        result.copied.append(name)


def _units(source: Path, below: str, tracked: Collection[str]) -> Iterator[str]:
    """The highest paths without any file of the release in them."""
    above = {str(parent) for name in tracked for parent in Path(name).parents}
    yield from _walk(source, below, frozenset(tracked), frozenset(above))


def _walk(source: Path, below: str, tracked: frozenset[str], above: frozenset[str]) -> Iterator[str]:
    try:
        entries = sorted(os.scandir(source / below), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        path = f"{below}{entry.name}"
        if path in tracked or entry.name in SKIPPED:
            continue
        if path in above and entry.is_dir(follow_symlinks=False):
            yield from _walk(source, f"{path}/", tracked, above)
        elif path not in above:
            yield path


def _size(path: Path, source: Path) -> _Size:
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            leaves = path.readlink().is_absolute() or not path.resolve().is_relative_to(source.resolve())
            return _Size(files=1, problem="a link that leads out of the directory" if leaves else None)
        if stat.S_ISREG(mode):
            readable = os.access(path, os.R_OK)
            return _Size(path.stat().st_size, 1, None if readable else "not readable")
        if not stat.S_ISDIR(mode):
            return _Size(problem="a socket or a device")
        total = _Size()
        for entry in os.scandir(path):
            one = _size(Path(entry.path), source)
            total = _Size(total.bytes + one.bytes, total.files + one.files, total.problem or one.problem)
            if total.files > MOST_FILES:
                break  # it is left out, however many there are
    except OSError as error:
        return _Size(problem=f"not readable ({error.strerror})")
    return total


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        target.symlink_to(path.readlink())
    elif path.is_dir():
        shutil.copytree(path, target, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copy2(path, target)
