"""A Git LFS file that a release has, and the error if it cannot be had."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.errors import GitFailed


@dataclass(frozen=True)
class LargeFile:
    """The file at `path` of a tree. `oid`: its SHA-256. `size`: in bytes. `server`: the URL of its Git LFS server."""

    path: str
    oid: str
    size: int
    server: str


def failure(files: Sequence[LargeFile], why: str) -> GitFailed:
    """The error for `files`, which could not be fetched; the text names the first one."""
    first, others = files[0], f" and {len(files) - 1} more" if len(files) > 1 else ""
    return GitFailed(f"the Git LFS file {first.path} (oid {first.oid}){others} could not be fetched: {why}")
