"""Which places of the host a release may take files from, and where the Docker Engine can be reached."""

import os.path
import posixpath
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

SOCKETS = ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock")
"""Where engines listen: the one of the worker may be elsewhere."""

_OF_A_PROCESS = re.compile(r"/proc/(\d+|self|thread-self)/(root|cwd|fd|task|map_files)(/|$)")
"""For example /proc/1/root, which is the host's whole file system under another path."""

_ID = re.compile(r"[0-9a-f]{64}")


def real_path(path: str) -> str:
    """`path` after all symbolic links, as far as it exists here. Empty, which is nowhere, if a link cannot be read."""
    try:
        return os.path.realpath(path)
    except OSError:
        return ""


@dataclass(frozen=True)
class Places:
    """`live`: the operator's directory. `tree`: the release's worktree. `data`: the updater's own directory.

    `sockets`: paths of the engine's sockets. `engine_networks` and `host_networks`: names and ids of the networks in
    which the engine answers, and of those that are the host's own. `resolve` follows symbolic links.
    """

    live: str
    tree: str
    data: str
    sockets: Collection[str] = SOCKETS
    engine_networks: Collection[str] = ()
    host_networks: Collection[str] = ("host",)
    resolve: Callable[[str], str] = real_path

    def outside(self, path: str) -> bool:
        """Whether `path` leads out of the live directory and the release's worktree, or to the updater's data."""
        return not all(self._allowed(form) for form in self._forms(path))

    def reaches_socket(self, path: str) -> bool:
        """Whether `path` is a socket of the engine, or a directory that has one below it."""
        sockets = {form for socket in self.sockets for form in self._forms(socket)}
        return any(
            _OF_A_PROCESS.match(form) or any(_is_inside(socket, form) for socket in sockets)
            for form in self._forms(path)
        )

    def is_engines(self, network: str) -> bool:
        return _named(network, self.engine_networks)

    def is_hosts(self, network: str) -> bool:
        return _named(network, self.host_networks)

    def _allowed(self, form: str) -> bool:
        if any(_is_inside(form, tree) for tree in self._forms(self.tree)):
            return True
        lives, own = self._forms(self.live), self._forms(self.data)
        if any(_is_inside(data, form) for data in own):
            return False
        if any(_is_inside(form, data) and _is_inside(data, live) for data in own for live in lives):
            return False
        return any(_is_inside(form, live) for live in lives)

    def _forms(self, path: str) -> set[str]:
        """The paths that `path` may mean: as written, and after links. The engine and Compose differ in the order."""
        plain = _normal(path)
        if not plain.startswith("/"):
            return {plain}
        return {plain, _normal(self.resolve(plain)), _normal(self.resolve(path))}


def _normal(path: str) -> str:
    """Without `..`, `.` and repeated slashes. POSIX keeps two slashes at the start, which mean one here."""
    normal = posixpath.normpath(path)
    return f"/{normal.lstrip('/')}" if normal.startswith("/") else normal


def _is_inside(path: str, directory: str) -> bool:
    return path == directory or path.startswith(f"{directory.rstrip('/')}/")


def _named(network: str, known: Collection[str]) -> bool:
    """Whether `network` is one of the `known` names and ids. The engine also accepts the beginning of an id."""
    return bool(network) and any(network == one or (_ID.fullmatch(one) and one.startswith(network)) for one in known)
