"""A user's stack for the tests: its stack file, and a Git repository with its releases."""

import copy
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from app.config.stack_file import parse_stack
from app.domain.stack import Stack

CONTENT: dict[str, Any] = {
    "project": "shop",
    "repository": "octo/shop",
    "directory": "/nowhere/shop",
    "traefik": {"entrypoints": {"web": "http://traefik:80"}},
    "routed": {"web": {"service": "web", "port": 8000, "health": "/healthz", "entrypoint": "web"}},
}
COMPOSE: dict[str, Any] = {
    "services": {
        "web": {"image": "web", "env_file": "./app.env", "depends_on": ["db"]},
        "db": {"image": "db", "volumes": ["data:/var/lib/db"]},
    },
    "volumes": {"data": {}},
}


def content(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(CONTENT), **changes}


def stack(**changes: Any) -> Stack:
    return parse_stack(content(**changes))


def git(directory: Path, *words: str) -> str:
    env = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_NAME": "Author" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "author@example.invalid" for who in ("AUTHOR", "COMMITTER")},
    }
    command = ["git", "-C", str(directory), *words]
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True, timeout=300).stdout


def repository(directory: Path, *tags: str, compose: Mapping[str, Any] = COMPOSE, stack_file: Any = CONTENT) -> Path:
    """A work tree with a release per tag, and an env file that only the work tree has."""
    directory.mkdir()
    git(directory, "init", "--quiet", "--initial-branch=main")
    (directory / "docker-compose.yml").write_text(yaml.safe_dump(dict(compose)))
    (directory / "stack.yml").write_text(yaml.safe_dump(stack_file))
    (directory / ".gitignore").write_text("app.env\n")
    for tag in tags:
        (directory / "VERSION").write_text(tag)
        git(directory, "add", "--all")
        git(directory, "commit", "--quiet", "--message", tag)
        git(directory, "tag", tag)
    (directory / "app.env").write_text("GREETING=hello\n")
    return directory
