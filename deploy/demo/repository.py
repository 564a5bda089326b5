"""The sample stack's repository: a real git repository on this machine, in place of GitHub's."""

import os
import shutil
import subprocess
from collections.abc import Callable, Collection
from enum import StrEnum
from pathlib import Path

CONTENT = Path(__file__).with_name("stack")
SERVICES = ("skills", "api", "bot")
GIT_SECONDS = 300

_ENV = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    **{f"GIT_{who}_NAME": "Demo" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "demo@example.invalid" for who in ("AUTHOR", "COMMITTER")},
}


class Variant(StrEnum):
    """The defect of a release; `good` has none."""

    GOOD = "good"
    UNHEALTHY = "unhealthy"
    BROKEN_BUILD = "broken-build"
    BOT_FAILS = "bot-fails"


_EDITS: dict[Variant, tuple[str, str, str]] = {
    Variant.UNHEALTHY: ("skills/app.py", "HEALTHY = True", "HEALTHY = False"),
    Variant.BROKEN_BUILD: ("skills/app.py", "import asyncio", "import asyncio (broken"),
    Variant.BOT_FAILS: ("bot/bot.py", 'TOKEN = "sample"', 'TOKEN = "revoked"'),
}


class DemoRepository:
    """A repository at `path` whose releases are tags. Raises subprocess.CalledProcessError when git refuses."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self._git("init", "--quiet", "--initial-branch=main")

    @property
    def url(self) -> str:
        return str(self.path)

    def release(
        self,
        tag: str,
        *,
        variant: Variant = Variant.GOOD,
        change: Collection[str] = SERVICES,
        edit: Callable[[Path], None] | None = None,
    ) -> str:
        """Commits the sample stack with `tag` as the version of the services in `change`. Returns the commit's SHA.

        Each release starts from the good content. `edit` may change the tree before the commit.
        """
        versions = {s: (self.path / s / "VERSION").read_text() for s in SERVICES if (self.path / s).exists()}
        self._git("rm", "-r", "--quiet", "--force", "--ignore-unmatch", ".")
        shutil.copytree(CONTENT, self.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        for service in SERVICES:
            version = f"{tag}\n" if service in change else versions.get(service, f"{tag}\n")
            (self.path / service / "VERSION").write_text(version)
        if variant in _EDITS:
            file, good, bad = _EDITS[variant]
            replace_in(self.path / file, good, bad)
        if edit:
            edit(self.path)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message", f"Release {tag}")
        self._git("tag", "--annotate", tag, "--message", tag)
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *words: str) -> str:
        env = {**_ENV, "PATH": os.environ["PATH"]}
        command = ["git", *words]
        done = subprocess.run(
            command, cwd=self.path, env=env, check=True, capture_output=True, text=True, timeout=GIT_SECONDS
        )
        return done.stdout


def replace_in(file: Path, old: str, new: str) -> None:
    """Replaces `old` in `file`. Raises ValueError if `old` is missing."""
    text = file.read_text()
    if old not in text:
        raise ValueError(f"{file.name} does not contain {old!r}")
    file.write_text(text.replace(old, new))
