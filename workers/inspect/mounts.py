"""Paths inside and outside a container: pure functions of its mounts (inside → outside)."""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

Mounts = Mapping[str, str]


def outside(path: Path, mounts: Mounts | None) -> Path | None:
    """Where `path` is on the host; None where it is in no mount. Without mounts there is no container."""
    if mounts is None:
        return path
    below = next((p for p in (path, *path.parents) if str(p) in mounts), None)
    return None if below is None else Path(PurePosixPath(mounts[str(below)]) / path.relative_to(below))


def unlike(needed: Iterable[Path], mounts: Mounts | None) -> list[Path]:
    """Which of `needed` is not at the same path on the host."""
    return [path for path in needed if outside(path, mounts) != path]


def remedy(paths: Iterable[Path]) -> str:
    """What to write into the worker's service, a sentence for each path."""
    return " ".join(f"Mount it as `{path}:{path}` into the worker." for path in paths)
