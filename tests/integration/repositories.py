"""Small real git repositories for tests."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

GIT_SECONDS = 30

_ENV = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ALLOW_PROTOCOL": "file",
    **{f"GIT_{who}_NAME": "Test" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "test@example.invalid" for who in ("AUTHOR", "COMMITTER")},
}


def git(directory: Path, *words: str, **env: str) -> str:
    """Runs git and returns its output. Raises subprocess.CalledProcessError."""
    done = subprocess.run(
        ["git", *words],
        cwd=directory,
        env={"PATH": os.environ["PATH"], **_ENV, **env},
        check=True,
        capture_output=True,
        text=True,
        timeout=GIT_SECONDS,
    )
    return done.stdout.strip()


class Repository:
    """A repository with a working tree at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        git(path, "init", "--quiet", "--initial-branch=main")

    def commit(self, files: Mapping[str, str]) -> str:
        """Commits `files` and returns the SHA."""
        for name, content in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        git(self.path, "add", "--all")
        git(self.path, "commit", "--quiet", "--allow-empty", "--message", "change")
        return git(self.path, "rev-parse", "HEAD")

    def tag(self, name: str, *options: str, at: str = "HEAD") -> None:
        """Makes a lightweight tag; `--annotate` makes it annotated, and `--force` moves it."""
        git(self.path, "tag", *options, *(("--message", name) if "--annotate" in options else ()), name, at)
