"""The running stack before the takeover: its repository, and its live directory with the old sidecar's files."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.domain.stack import Color
from deploy.demo.github.delivery import REPOSITORY
from deploy.demo.repository import DemoRepository

STACK = Path(__file__).with_name("stack")
SERVICE_USER = 65532
SECRET = "c2lkZWNhci1zZWNyZXQtb2YtdGhlLW9sZC1zdGFjaw"
SECRET_FILE, STATE_FILE = ".updater-secret", "updater-state.json"
ROUTE_FILE = Path("config/traefik/dynamic/updater-routes.yml")
UNUSED = ("docker-compose.yml", "gateway", "skills/Dockerfile", "api/Dockerfile", "bot/Dockerfile")
"""The parts of the demo's content that this stack replaces or lacks."""

PAUSE_REASON = "Health check failed for zetherion-ai-skills-green"
GIT_SECONDS = 300


def old_shape(tree: Path) -> None:
    """Changes the demo's content in `tree` into the stack of the old sidecar."""
    for name in UNUSED:
        path = tree / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(STACK, tree, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "gitignore").rename(tree / ".gitignore")
    # With the old routes Traefik keeps idle connections for 90 s. If the services close theirs earlier, some requests
    # meet a connection that is just being closed.
    edit(tree / "common" / "http_service.py", "IDLE_SECONDS = 5.0", "IDLE_SECONDS = 120.0")


def edit(file: Path, old: str, new: str) -> None:
    """Replaces `old`. Raises AssertionError if it is missing."""
    text = file.read_text()
    assert old in text, f"{file.name} no longer contains {old!r}"
    file.write_text(text.replace(old, new))


def old_state(tag: str, active: Color, *, paused: bool = False) -> str:
    """The old sidecar's state file after a successful rollout: its keys, no schema, no checksum."""
    state = {
        "active_color": str(active),
        "last_attempted_tag": tag,
        "last_checked_at": "2026-01-02T03:04:05.678901+00:00",
        "last_failure_at": None,
        "last_good_tag": tag,
        "last_success_at": "2026-01-02T03:05:06.789012+00:00",
        "pause_reason": PAUSE_REASON if paused else "",
        "paused": paused,
        "resumed_at": None,
    }
    return json.dumps(state, indent=2, sort_keys=True)


@dataclass(frozen=True)
class LiveDirectory:
    """A clone of the stack's repository with a tag checked out, the operator's `.env`, data and logs."""

    path: Path

    def make(self, repository: DemoRepository, tag: str, values: Mapping[str, str]) -> None:
        """`values` are the lines of `.env`."""
        self._git("clone", "--quiet", "--branch", tag, repository.url, str(self.path), cwd=self.path.parent)
        self._git("remote", "set-url", "origin", f"https://github.com/{REPOSITORY}.git")
        env = self.path / ".env"
        env.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
        env.chmod(0o600)
        for name in ("data", "logs"):
            (self.path / name).mkdir()
            os.chown(self.path / name, SERVICE_USER, SERVICE_USER)
        self.write_secret()

    def write_secret(self) -> None:
        """Writes the secret like the old sidecar: owned by root and readable by all users."""
        secret = self.path / "data" / SECRET_FILE
        secret.unlink(missing_ok=True)
        secret.write_text(SECRET)
        secret.chmod(0o644)

    @property
    def secret(self) -> str:
        return (self.path / "data" / SECRET_FILE).read_text().strip()

    def write_state(self, text: str | None) -> None:
        """Writes the old state file; None removes it."""
        file = self.path / "data" / STATE_FILE
        file.unlink(missing_ok=True)
        if text is not None:
            file.write_text(text)

    def route_to(self, color: Color) -> None:
        """Replaces the route file like a rollout of the old sidecar: with a new file and a rename."""
        file = self.path / ROUTE_FILE
        text = (STACK / ROUTE_FILE).read_text()
        for name in ("skills", "api"):
            text = text.replace(f"service: {name}-blue", f"service: {name}-{color}")
        staged = file.with_suffix(".tmp")
        staged.write_text(text)
        staged.replace(file)

    def sha(self, tag: str = "HEAD") -> str:
        return self._git("rev-parse", f"{tag}^{{commit}}").strip()

    def _git(self, *words: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *words], cwd=cwd or self.path, check=True, capture_output=True, text=True, timeout=GIT_SECONDS
        )
        return done.stdout
