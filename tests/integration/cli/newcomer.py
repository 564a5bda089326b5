"""A Compose project that has never heard of two colors, and what `init` has to propose for it: `expected.yml`."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from app.cli.init.answers import Answers
from app.cli.init.command import Written, write_stack_file
from app.cli.init.project.compose_files import compose_files
from app.cli.init.traefik_part import TAKEN_OVER
from app.config.stack_file import parse_stack
from app.domain.stack import Stack
from deploy.demo.processes import ROOT

SAMPLES = ROOT / "tests" / "samples" / "compose"
NEWCOMERS = sorted(path.parent.name for path in SAMPLES.glob("*/expected.yml"))
EXPECTED, EXAMPLE, GIT_SECONDS = "expected.yml", ".env.example", 300
NAMES = ("routed", "singletons", "followers", "before_flip", "variables")


@dataclass(frozen=True)
class Newcomer:
    """`live`: the operator's clone. `below`: the directory of the Compose file."""

    live: Path
    below: Path
    expected: dict[str, Any]

    @property
    def questions(self) -> dict[str, Any]:
        """Each question that `init` has to ask, with its answer; None: the proposed value is right."""
        return dict(self.expected.get("answers", {}))

    def init(self, **environ: str) -> Written:
        given = Answers(tuple(self.expected.get("nothing_in", ())))
        known = {**environment(), **environ}
        return write_stack_file(self.below, self.stack_file, force=True, environ=known, answers=given)

    @property
    def stack_file(self) -> Path:
        return self.live.parent / "stack.yml"

    def answered(self) -> dict[str, Any]:
        """The content of the stack file with the answers."""
        content: dict[str, Any] = yaml.safe_load(self.stack_file.read_text())
        for path, answer in self.questions.items():
            if isinstance(answer, dict):
                _put(content, answer["move"], _taken(content, path))
            elif answer is not None:
                _put(content, path, answer)
        return content

    def stack(self) -> Stack:
        return parse_stack(self.answered())

    def add_traefik(self, written: Written) -> None:
        """Does what `init` says: adds its Traefik to the first file, and removes what Traefik takes over from all."""
        notes = written.notes.traefik
        printed = "\n".join(block(notes, "No service of the project is Traefik"))
        added = "\n".join(block(notes, "Add to traefik in the Compose file"))
        for n, file in enumerate(compose_files(self.below, environment())):
            model = yaml.safe_load(file.read_text())
            for service in self.expected["routed"].values():
                for key in TAKEN_OVER if printed or added else ():
                    model["services"].get(service["service"], {}).pop(key, None)
            if printed and n == 0:
                model["services"] |= yaml.safe_load(printed)["services"]
            if added and n == 0:
                more = yaml.safe_load(added)["services"]["traefik"]
                there = dict.fromkeys(model["services"]["traefik"]["networks"])
                model["services"]["traefik"] |= {**more, "networks": {**there, **more["networks"]}}
            file.write_text(yaml.safe_dump(model, sort_keys=False))
        if not printed:
            return
        if routes := "\n".join(block(written.notes.traefik, "Its routes until the first rollout")):
            (place,) = [line for line in written.notes.following if line.startswith("Create ")]
            first = Path(place.split()[1])
            first.parent.mkdir(parents=True)
            first.write_text(routes)


def newcomer(name: str, home: Path) -> Newcomer:
    """The sample `name` as an operator has it: a clone with its .env."""
    live = home / name
    shutil.copytree(SAMPLES / name, live)
    expected = yaml.safe_load((live / EXPECTED).read_text())
    (live / EXPECTED).unlink()
    below = live / expected.get("below", "")
    if (live / EXAMPLE).exists():
        shutil.copy(live / EXAMPLE, live / ".env")
    for path, text in expected.get("files", {}).items():
        (live / path).parent.mkdir(parents=True, exist_ok=True)
        (live / path).write_text(text)
    for words in (["init", "--quiet"], ["remote", "add", "origin", f"https://github.com/octo/{name}.git"]):
        subprocess.run(["git", "-C", str(live), *words], check=True, timeout=GIT_SECONDS)
    return Newcomer(live, below, expected)


def environment() -> dict[str, str]:
    """The environment without Compose's own variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COMPOSE_")}


def block(lines: list[str], first: str) -> Iterator[str]:
    """The indented lines below the one that starts with `first`."""
    start = next((n for n, line in enumerate(lines) if line.startswith(first)), len(lines))
    for line in lines[start + 1 :]:
        if not line.startswith("  "):
            return
        yield line[2:]


def _put(content: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split("/")
    for parent in parents:
        content = content.setdefault(parent, {})
    content[last] = value


def _taken(content: dict[str, Any], path: str) -> Any:
    """Removes the value at `path`, and the mappings that are empty without it."""
    first, *rest = path.split("/")
    if not rest:
        return content.pop(first)
    value = _taken(content[first], "/".join(rest))
    if not content[first]:
        content.pop(first)
    return value
