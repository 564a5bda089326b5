"""A Git LFS file that a release has, and the error if it cannot be had."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from app.domain.errors import GitFailed


@dataclass(frozen=True)
class LargeFile:
    """The file at `path` of a tree. `oid`: its SHA-256. `size`: in bytes. `server`: the URL of its Git LFS server."""

    path: str
    oid: str
    size: int
    server: str


def failure(files: Sequence[LargeFile], why: str, *, transient: bool = False) -> GitFailed:
    """The error for `files`, which names the first one. `transient`: the next attempt may get them."""
    first, others = files[0], f" and {len(files) - 1} more" if len(files) > 1 else ""
    text = f"the Git LFS file {first.path} (oid {first.oid}){others} could not be fetched: {why}"
    return GitFailed(text, transient=text if transient else "")


def is_transient_status(status: int) -> bool:
    """Whether a server that answers with this status may give the file later."""
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
