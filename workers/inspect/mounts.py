"""Maps paths inside a container to the host: pure functions of its mounts (inside → outside)."""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

Mounts = Mapping[str, str]


def outside(path: Path, mounts: Mounts | None) -> Path | None:
    """Returns the host's path of `path`; None if no mount contains it. `mounts` None: the process runs on the host."""
    if mounts is None:
        return path
    below = next((p for p in (path, *path.parents) if str(p) in mounts), None)
    return None if below is None else Path(PurePosixPath(mounts[str(below)]) / path.relative_to(below))


def unlike(needed: Iterable[Path], mounts: Mounts | None) -> list[Path]:
    """Returns those of `needed` that have another path on the host."""
    return [path for path in needed if outside(path, mounts) != path]


def remedy(paths: Iterable[Path]) -> str:
    """Returns a sentence for each path: the mount that the worker's service needs."""
    return " ".join(f"Mount it as `{path}:{path}` into the worker." for path in paths)
