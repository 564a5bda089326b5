"""A private repository over HTTPS, served by git's own server program, and an observer of command lines."""

import base64
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar

import pytest

from tests.integration.git.repositories import GIT_SECONDS, git

TOKEN = "ghp_a-token-of-the-tests"
PAIR = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
"""What git sends of it: https://datatracker.ietf.org/doc/html/rfc7617."""

SEEN_SECONDS = 120.0
"""How long an answer may wait until the onlooker has seen the git process."""

P = TypeVar("P", bound="PrivateGit")


def git_backend() -> Path:
    """The path of git's server program. https://git-scm.com/docs/git-http-backend"""
    found = subprocess.run(["git", "--exec-path"], check=True, capture_output=True, text=True, timeout=GIT_SECONDS)
    return Path(found.stdout.strip()) / "git-http-backend"


def need_private_git() -> None:
    """Skips the test if a required program is missing, and names it."""
    found = {"openssl": shutil.which("openssl"), "git-http-backend": git_backend().exists()}
    missing = [name for name, path in found.items() if not path]
    if missing:
        pytest.skip(f"not available here: {', '.join(missing)}")


class PrivateGit(ThreadingHTTPServer):
    """Serves the repositories below `root` to requests with the Authorization header `credential`; others get a 401.

    A `credential` of None allows all requests. `authorizations` lists the received headers. With `moved_to` every
    answer redirects there. `before` is called before each answer.
    """

    daemon_threads = True
    request_handler: "type[GitRequests]"

    def __init__(self, root: Path, certificate: Path, credential: str | None) -> None:
        super().__init__(("127.0.0.1", 0), self.request_handler)
        self.root, self.credential = root, credential
        self.authorizations: list[str | None] = []
        self.moved_to: str | None = None
        self.before: Callable[[], None] = lambda: None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        # The thread of a request does its handshake: a client that gives up in the middle would hold up all others.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.server_address[1]}"


class GitRequests(BaseHTTPRequestHandler):
    """Answers by git's server program."""

    server: PrivateGit

    def do_GET(self) -> None:
        self.server.authorizations.append(self.headers["Authorization"])
        self.server.before()
        if self.server.moved_to:
            self.answer(301, [("Location", self.server.moved_to + self.path)])
        elif self.server.credential not in {None, self.headers["Authorization"]}:
            self.answer(401, [("WWW-Authenticate", 'Basic realm="private"')])
        else:
            self.serve()

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing."""

    def serve(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        done = subprocess.run(
            [git_backend()], env=self._cgi(), input=body, check=True, capture_output=True, timeout=GIT_SECONDS
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = [tuple(line.split(": ", 1)) for line in head.decode().splitlines()]
        status = next((int(value.split()[0]) for name, value in fields if name == "Status"), 200)
        self.answer(status, [(name, value) for name, value in fields if name != "Status"], content)

    def _cgi(self) -> dict[str, str]:
        """https://datatracker.ietf.org/doc/html/rfc3875#section-4.1"""
        path, _, query = self.path.partition("?")
        headers = {"HTTP_CONTENT_ENCODING": "Content-Encoding", "HTTP_GIT_PROTOCOL": "Git-Protocol"}
        return {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers["Content-Type"] or "",
            **{name: self.headers[field] for name, field in headers.items() if self.headers[field]},
        }

    def answer(self, status: int, fields: Sequence[tuple[str, ...]], content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


PrivateGit.request_handler = GitRequests


@contextmanager
def serving(server: P) -> Iterator[P]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def certificate(directory: Path, name: str = "localhost") -> Path:
    """A self-signed certificate for the host `name`, with its key."""
    key, made = directory / "key.pem", directory / "certificate.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    names = ["-addext", f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out", str(made)]
    subprocess.run(["openssl", *words, *names], check=True, capture_output=True, timeout=GIT_SECONDS)
    made.write_text(made.read_text() + key.read_text())
    return made


def mirror_that_trusts(certificate: Path, directory: Path) -> None:
    """Creates the mirror with a setting that trusts the server's certificate."""
    mirror = directory / "mirror.git"
    mirror.mkdir(parents=True)
    git(mirror, "init", "--bare", "--quiet")
    git(mirror, "config", "http.sslCAInfo", str(certificate))


class Onlooker(threading.Thread):
    """Another user on the machine, who reads all command lines; `asked` is set once git's is among them."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[str] = set()
        self.asked = threading.Event()
        self._over = threading.Event()

    def __enter__(self) -> "Onlooker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.is_set():
            self.seen |= set(_command_lines())
            if any("remote-https" in line for line in self.seen):
                self.asked.set()

    def wait(self) -> None:
        """Waits until it has seen git's command line. Raises TimeoutError."""
        if not self.asked.wait(SEEN_SECONDS):
            raise TimeoutError("the onlooker saw no git")


def _command_lines() -> Iterator[str]:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:  # the process has just ended
            continue
