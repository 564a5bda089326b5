"""`updater init`: reads a Compose project, proposes a stack file, validates it and writes it."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.cli.errors import CommandError, Refused, WrongUse
from app.cli.init.answers import NO_ANSWERS, Answers
from app.cli.init.example.settings import packaged_example
from app.cli.init.images.facts import FindImage, no_images
from app.cli.init.notes import Notes
from app.cli.init.project.compose_file import Project, read_project
from app.cli.init.proposal import propose
from app.cli.init.services.callers import note_callers
from app.cli.init.stack_text import stack_text
from app.cli.views.text import plain
from app.config.stack_file import load_stack
from app.domain.errors import StackInvalid
from app.domain.stack import EngineKind, Stack
from app.files import replace_durably

MODE = 0o644
DRAFT = ".draft"
"""At the end of the name of a proposal that the updater would not load."""

_TITLES = {
    "found": "Found",
    "questions": "Questions, marked in the file. Answer each before you start the updater",
    "check": "Check",
    "traefik": "Traefik",
    "callers": "Services that call a routed one by name",
}


@dataclass(frozen=True)
class Written:
    """The path of the written file, and notes on where each part comes from."""

    path: Path
    notes: Notes

    def document(self) -> dict[str, Any]:
        return {"path": str(self.path), **self._parts(), "next": self.notes.following}

    def lines(self) -> Iterator[str]:
        """The report for people, with the next steps."""
        yield f"Written: {plain(self.path)}"
        for name, found in self._parts().items():
            if found:
                yield f"\n{_TITLES[name]}:"
                yield from (f"  {plain(line)}" for line in found)
        yield "\nNothing else was changed; traffic is not affected."
        yield "Next:"
        yield from (f"  {plain(step)}" for step in self.notes.following)
        yield "  Set UPDATER_STACK_FILE to this file and start web and worker. `updater doctor` checks the rest."

    def _parts(self) -> dict[str, list[str]]:
        questions = [f"{path}: {question}" for path, question in self.notes.questions.items()]
        return {
            "found": self.notes.found,
            "questions": questions,
            "check": self.notes.check,
            "traefik": self.notes.traefik,
            "callers": self.notes.callers,
        }


def write_stack_file(
    directory: Path,
    path: Path,
    *,
    force: bool,
    environ: Mapping[str, str],
    find_image: FindImage = no_images,
    answers: Answers = NO_ANSWERS,
    draft: bool = False,
) -> Written:
    """Writes the stack file for `directory`. Raises WrongUse if `path` exists without `force`, Refused if it fails.

    `draft`: a proposal that the updater cannot load is written to another file beside `path`, before Refused is raised.
    """
    if path.exists() and not force:
        raise WrongUse(f"{path} already exists.", "Use --force to overwrite it, or another --output.")
    project = read_project(directory, environ)
    proposal = propose(project, find_image, answers)
    if not proposal.routed:
        raise _no_colors(project)
    proposal.notes.check[:0] = [*_about_the_project(project), *_about_the_engine(answers)]
    stack = _write_checked(path, stack_text(proposal, packaged_example(), answers), force=force, draft=draft)
    note_callers(proposal.traefik.model or project.model, stack, proposal.notes)
    return Written(path, proposal.notes)


def _about_the_project(project: Project) -> Iterator[str]:
    if not project.resolved:
        yield f"Everything: only the Compose file was read, without .env ({project.why_unresolved})."


def _about_the_engine(answers: Answers) -> Iterator[str]:
    if answers.engine is EngineKind.SWARM:
        yield (
            "engine: a swarm. If several Traefiks serve, write their URLs as lists in traefik/entrypoints and "
            "traefik/metrics, and traefik/redis. A singleton stays on one node with singletons/<name>/node. "
            "docs/swarm.md says what is different"
        )


def _no_colors(project: Project) -> CommandError:
    services = ", ".join(project.services) or "none"
    alone = "" if project.resolved else f" No other file was read, and no `include` ({project.why_unresolved})."
    file = project.directory / Path(project.file).name
    return Refused(
        f"No service of {file} has two colors, and none both takes requests and comes with a release "
        f"(its services: {services}).{alone}",
        "Let the file have a service that listens on a port (`expose` or `ports`), and that is built from the release, "
        "has a variable such as ${TAG} in its image, or has an image of the repository's owner; then run this again. "
        "See 'Connect another stack' in README.md.",
    )


def _write_checked(path: Path, text: str, *, force: bool, draft: bool) -> Stack:
    """Validates `text` with the updater's own reader, then writes it to `path` atomically. Raises Refused."""
    staged = None
    try:
        handle, staged = tempfile.mkstemp(dir=path.parent, prefix=".stack-", suffix=".yml")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        stack = load_stack(Path(staged))
        replace_durably(path, text.encode(), staging=path.parent, mode=MODE)
    except StackInvalid as invalid:
        problems = invalid.detail.replace(str(staged), "the proposed file")
        raise _invalid(path, text, problems, force=force, draft=draft) from invalid
    except OSError as error:
        raise WrongUse(f"{path} cannot be written ({error.strerror}).", "Choose another --output.") from error
    finally:
        if staged:
            Path(staged).unlink(missing_ok=True)
    return stack


def _invalid(path: Path, text: str, problems: str, *, force: bool, draft: bool) -> CommandError:
    """The refusal of an invalid `text`; `draft`: after `text` is written where the updater does not read it."""
    what, place = f"This project does not result in a valid stack file. {problems}.", path.with_name(path.name + DRAFT)
    if not draft:
        return Refused(what, f"Change that in the project, or add --draft to write {place}, to be corrected by hand.")
    if place.exists() and not force:
        return Refused(what, f"Correct {place}, an earlier draft, or use --force to write a new one.")
    replace_durably(place, text.encode(), staging=path.parent, mode=MODE)
    return Refused(
        what,
        f"Correct that in the draft, rename it to {path.name}, and run `updater doctor`.",
        traffic=f"Only the draft {place} was written; traffic is not affected.",
    )
