"""`updater init --check`: what the newest release of the clone looks like with the stack file."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.api.preview import ReleasePreview
from app.cli.errors import Refused
from app.cli.init.project.compose_file import git
from app.cli.views.text import plain
from app.cli.worker_code import run_module

MARK = "# QUESTION:"
LIMITS = (
    "Checked: the stack file, Git and Compose. With a worker, `updater doctor` and `updater plan` also check what "
    "runs, the engine and Traefik. Submodules and Git LFS files are not fetched here."
)


@dataclass(frozen=True)
class Checked:
    """`found`: the release; `questions`: how many marks the stack file still has."""

    stack_file: Path
    found: ReleasePreview
    questions: int

    @property
    def passed(self) -> bool:
        return bool(self.found.tag) and not self.found.problems

    def document(self) -> dict[str, Any]:
        return {"path": str(self.stack_file), "questions_left": self.questions, "passed": self.passed, **self._release}

    def lines(self) -> Iterator[str]:
        """The report for people."""
        if self.questions:
            yield f"Questions left in {plain(self.stack_file)}: {self.questions}. Answer them, and delete their marks."
        if not self.found.tag:
            yield "No tag of this clone fits `tags` and `channel` of the stack file. Fetch tags, or correct the keys."
            yield from (f"  {plain(each)}" for each in self.found.problems)
            return
        yield f"{plain(self.found.tag)}, the newest fitting tag of this clone ({self.found.sha[:12] or 'unread'}):"
        yield from (f"  {plain(each.service)}: {plain(each.reason)}" for each in self.found.images)
        yield from (f"  would be refused: {plain(each)}" for each in self.found.problems)
        yield from (f"  warning: {plain(each)}" for each in self.found.warnings)
        if not (self.found.problems or self.found.warnings):
            yield "  no problem and no warning"
        yield LIMITS

    @property
    def _release(self) -> dict[str, Any]:
        return self.found.as_json()


def check(stack_file: Path, directory: Path, environ: Mapping[str, str]) -> Checked:
    """Reads the newest release of the clone around `directory`, as the worker would. Raises Refused if it cannot."""
    root = git(directory.resolve(), "rev-parse", "--show-toplevel")
    if root is None:
        raise Refused(f"{directory} is not in a Git repository.", "Name the directory of the Compose file in a clone.")
    done = run_module("workers.preview", str(stack_file.resolve()), root, environ=environ)
    if done.returncode:
        raise Refused(
            f"The newest release cannot be read: {done.stderr.strip()}.", "Correct that, then run this again."
        )
    questions = stack_file.read_text(encoding="utf-8").count(f" {MARK} ")
    return Checked(stack_file, ReleasePreview.model_validate(json.loads(done.stdout)), questions)
