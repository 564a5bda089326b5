"""`updater init`: reads a Compose project, proposes a stack file, checks it as the updater will, and writes it."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.cli.errors import CommandError, Refused, WrongUse
from app.cli.init.example.settings import packaged_example
from app.cli.init.images.facts import FindImage, no_images
from app.cli.init.notes import Notes
from app.cli.init.project.compose_file import Project, read_project
from app.cli.init.proposal import propose
from app.cli.init.stack_text import stack_text
from app.cli.views.text import plain
from app.config.stack_file import load_stack
from app.domain.errors import StackInvalid
from app.files import replace_durably

MODE = 0o644

_TITLES = {
    "found": "Found",
    "questions": "Questions, marked in the file: answer each before the updater starts",
    "check": "Check",
    "traefik": "Traefik",
}


@dataclass(frozen=True)
class Written:
    """The file that was written, and how its parts came about."""

    path: Path
    notes: Notes

    def document(self) -> dict[str, Any]:
        return {"path": str(self.path), **self._parts(), "next": self.notes.following}

    def lines(self) -> Iterator[str]:
        """What a person reads, and what they do next."""
        yield f"Written: {plain(self.path)}"
        for name, found in self._parts().items():
            if found:
                yield f"\n{_TITLES[name]}:"
                yield from (f"  {plain(line)}" for line in found)
        yield "\nNothing else was changed; traffic is as it was."
        yield "Next:"
        yield from (f"  {plain(step)}" for step in self.notes.following)
        yield "  Name this file in UPDATER_STACK_FILE, start web and worker; `updater doctor` checks the rest."

    def _parts(self) -> dict[str, list[str]]:
        questions = [f"{path}: {question}" for path, question in self.notes.questions.items()]
        return {
            "found": self.notes.found,
            "questions": questions,
            "check": self.notes.check,
            "traefik": self.notes.traefik,
        }


def write_stack_file(
    directory: Path, path: Path, *, force: bool, environ: Mapping[str, str], find_image: FindImage = no_images
) -> Written:
    """Raises WrongUse where there is a file already and `force` is not, Refused where no valid one comes of it."""
    if path.exists() and not force:
        raise WrongUse(f"{path} is there already.", "Give --force to overwrite it, or another --output.")
    project = read_project(directory, environ)
    proposal = propose(project, find_image)
    if not proposal.routed:
        raise _no_colors(project)
    proposal.notes.check[:0] = list(_about_the_project(project))
    _write_checked(path, stack_text(proposal, packaged_example()))
    return Written(path, proposal.notes)


def _about_the_project(project: Project) -> Iterator[str]:
    if not project.resolved:
        yield f"Everything: only the file itself was read, without .env ({project.why_unresolved})."
    if "/" in project.file:
        yield (
            f"compose_file: {project.file} is not at the top of the repository; its build contexts have to be paths "
            "that are right from `directory`."
        )


def _no_colors(project: Project) -> CommandError:
    services = ", ".join(project.services) or "none"
    return Refused(
        f"No service of {project.directory / Path(project.file).name} has two colors (its services: {services}).",
        "Give each service that takes requests two copies, as api-blue and api-green, then run this again; "
        "README.md, 'Connect another stack', says how.",
    )


def _write_checked(path: Path, text: str) -> None:
    """Puts `text` at `path` in one step, after the updater's own reader has taken it."""
    staged = None
    try:
        handle, staged = tempfile.mkstemp(dir=path.parent, prefix=".stack-", suffix=".yml")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        load_stack(Path(staged))
        replace_durably(path, text.encode(), staging=path.parent, mode=MODE)
    except StackInvalid as invalid:
        problems = invalid.detail.replace(str(staged), "what was found")
        todo = "Rename what it names in the Compose file, or write the stack file by hand after config/stack.yml."
        raise Refused(f"No valid stack file comes of this project. {problems}.", todo) from invalid
    except OSError as error:
        raise WrongUse(f"{path} cannot be written ({error.strerror}).", "Choose another --output.") from error
    finally:
        if staged:
            Path(staged).unlink(missing_ok=True)
