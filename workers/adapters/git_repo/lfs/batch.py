"""The requests and answers of the batch API, without I/O.

https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md. No text of a server is part of an error, because it
may have a signed address in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from app.domain.errors import GitFailed
from workers.adapters.git_repo.lfs.large_file import LargeFile, failure, is_transient_status

MEDIA_TYPE = "application/vnd.git-lfs+json"
BATCH_MOST = 100
"""Files in a request."""

ANSWER_BYTES = 8 * 1024**2
"""The largest answer that is read."""

_TRANSFER = "basic"
_READS = "read access to the repository's content"


@dataclass(frozen=True)
class Download:
    """Where the content of `file` is, and the headers that the request for it has."""

    file: LargeFile
    href: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)


class _Action(BaseModel):
    href: str
    header: dict[str, str] | None = None


class _Actions(BaseModel):
    download: _Action | None = None


class _Fault(BaseModel):
    code: int


class _Object(BaseModel):
    oid: str
    actions: _Actions | None = None
    error: _Fault | None = None


class _Answer(BaseModel):
    transfer: str | None = None
    objects: list[_Object] = Field(max_length=BATCH_MOST)


def question(files: Sequence[LargeFile]) -> dict[str, Any]:
    """The body of the request for at most BATCH_MOST files."""
    objects = [{"oid": file.oid, "size": file.size} for file in files]
    return {"operation": "download", "transfers": [_TRANSFER], "objects": objects, "hash_algo": "sha256"}


def downloads_in(content: bytes, files: Sequence[LargeFile]) -> list[Download]:
    """Reads the answer to `question(files)`. Raises GitFailed."""
    try:
        answer = _Answer.model_validate_json(content)
    except ValidationError:
        raise failure(files, f"the answer of {files[0].server} is not one of a Git LFS server") from None
    if answer.transfer not in {None, "", _TRANSFER}:
        raise failure(files, f"{files[0].server} wants a way of transfer that the updater does not have; it has basic")
    objects = {each.oid: each for each in answer.objects}
    return [_download(file, objects.get(file.oid)) for file in files]


def _download(file: LargeFile, found: _Object | None) -> Download:
    if found is not None and found.error is not None:
        raise failure([file], _missing(file, found.error.code), transient=is_transient_status(found.error.code))
    action = found.actions.download if found is not None and found.actions is not None else None
    if action is None:
        raise failure([file], f"the answer of {file.server} has no address for it")
    return Download(file, action.href, action.header or {})


def _missing(file: LargeFile, code: int) -> str:
    if code in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return f"{file.server} does not have it ({code}). Push it: git lfs push --all"
    return f"{file.server} refuses it ({code})"


def refusal(files: Sequence[LargeFile], status: int, *, credential: bool) -> GitFailed:
    """The error for an answer with another status than 200. `credential`: whether the request had one."""
    server = files[0].server
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        what = f"the token needs {_READS}, and the server a quota left" if credential else f"give a token with {_READS}"
        return failure(files, f"{server} refuses the request ({status}): {what}")
    if status == HTTPStatus.NOT_FOUND:
        return failure(files, f"{server} is no Git LFS server, or a token with {_READS} is missing ({status})")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        moved = "write its new address into the stack file (`repository` or `source`)"
        return failure(files, f"{server} redirects to another address. If the repository has moved, {moved}")
    return failure(files, f"{server} answers with {status}", transient=is_transient_status(status))
