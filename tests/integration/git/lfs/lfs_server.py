"""A private repository with a Git LFS server: the batch API, and a storage for the contents.

https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md. Git LFS's own client is tested against it too, in
test_lfs_server.py.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.integration.git.private_git import GitRequests, PrivateGit

BATCH = "/info/lfs/objects/batch"
STORAGE = "/storage/"
TICKET = "a-ticket-for-one-object"
SIGNATURE = "signature=a-signed-address"
MEDIA_TYPE = "application/vnd.git-lfs+json"


def oid_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pointer(content: bytes, **change: str) -> str:
    """The pointer to `content`, as Git LFS writes it."""
    fields = {"oid": f"sha256:{oid_of(content)}", "size": str(len(content)), **change}
    return "".join(
        f"{key} {value}\n" for key, value in {"version": "https://git-lfs.github.com/spec/v1", **fields}.items()
    )


def delivered(request: "LfsRequests", content: bytes) -> None:
    request.answer(200, [("Content-Type", "application/octet-stream")], content)


class LfsGit(PrivateGit):
    """`objects`: the contents by oid. `batches`: what was asked, as (path, body). `downloads`: the headers of each.

    `storage`: where the answers say that contents are. `status`: of the answers to batches. `altered`: changes such an
    answer before it is sent; bytes are sent as they are. `deliver`: answers a request for a content.
    """

    def __init__(self, root: Path, certificate: Path, credential: str | None) -> None:
        super().__init__(root, certificate, credential)
        self.objects: dict[str, bytes] = {}
        self.batches: list[tuple[str, Any]] = []
        self.downloads: list[tuple[str, Mapping[str, str]]] = []
        self.storage = self.url
        self.status = 200
        self.altered: Callable[[Any], Any] = lambda answer: answer
        self.deliver: Callable[[LfsRequests, bytes], None] = delivered

    def store(self, content: bytes) -> str:
        """Returns the pointer."""
        self.objects[oid_of(content)] = content
        return pointer(content)

    def found(self, operation: str, oid: str, size: int) -> dict[str, Any]:
        """What a batch answers about one object."""
        about = {"oid": oid, "size": size}
        if operation == "upload":
            return about if oid in self.objects else {**about, "actions": {"upload": self._action(oid)}}
        if oid not in self.objects:
            return {**about, "error": {"code": 404, "message": "Object does not exist"}}
        return {**about, "authenticated": True, "actions": {"download": self._action(oid)}}

    def _action(self, oid: str) -> dict[str, Any]:
        return {"href": f"{self.storage}{STORAGE}{oid}?{SIGNATURE}", "header": {"X-Ticket": TICKET}, "expires_in": 60}


class LfsRequests(GitRequests):
    server: LfsGit

    def do_GET(self) -> None:
        if self.path.startswith(STORAGE):  # it knows tickets only, not the repository's credential
            self._stored()
        else:
            super().do_GET()

    do_POST = do_PUT = do_GET

    def serve(self) -> None:
        if self.path.endswith(BATCH):
            self._batch()
        else:
            super().serve()

    def _batch(self) -> None:
        asked = json.loads(self._body())
        self.server.batches.append((self.path, asked))
        if self.headers["Accept"] != MEDIA_TYPE or not self.headers["Content-Type"].startswith(MEDIA_TYPE):
            self.answer(406, [])
            return
        objects = [self.server.found(asked["operation"], each["oid"], each["size"]) for each in asked["objects"]]
        made = self.server.altered({"transfer": "basic", "objects": objects})
        content = made if isinstance(made, bytes) else json.dumps(made).encode()
        self.answer(self.server.status, [("Content-Type", MEDIA_TYPE)], content)

    def _stored(self) -> None:
        oid = self.path.removeprefix(STORAGE).partition("?")[0]
        if self.headers["X-Ticket"] != TICKET or not self.path.endswith(SIGNATURE):
            self.answer(403, [])
        elif self.command == "PUT":
            self.server.objects[oid] = self._body()
            self.answer(200, [])
        else:
            self.server.downloads.append((oid, dict(self.headers)))
            self.server.deliver(self, self.server.objects[oid])

    def _body(self) -> bytes:
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"] or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)


LfsGit.request_handler = LfsRequests


class Crowd:
    """Delivers contents only once `expected` requests wait together. `most`: how many there were at the same time."""

    def __init__(self, expected: int, seconds: float) -> None:
        self._together = threading.Barrier(expected, timeout=seconds)
        self._lock = threading.Lock()
        self._now = self.most = 0

    def __call__(self, request: LfsRequests, content: bytes) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self._together.wait()
        with self._lock:
            self._now -= 1
        delivered(request, content)
