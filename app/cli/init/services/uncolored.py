"""The services without colors that move with a release: singletons, followers, and commands before the flip."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.cli.init.notes import Notes
from app.cli.init.project.compose_file import Project
from app.cli.init.services.pairs import all_names
from app.cli.init.services.roles import Kind, Roles, completed
from app.cli.init.services.singletons import Found

TWICE = "A singleton? Uncomment it if it must never run twice at the same time"


@dataclass(frozen=True)
class Entry:
    """`name` is its name in the stack file. `why`: what says so. `question`: what to answer.

    `active` False: written as a comment.
    """

    name: str
    service: str
    why: str
    question: str = ""
    active: bool = True


@dataclass(frozen=True)
class Uncolored:
    """`alone`: services that do not move → why."""

    singletons: tuple[Entry, ...] = ()
    followers: tuple[Entry, ...] = ()
    jobs: tuple[Entry, ...] = ()
    alone: Mapping[str, str] | None = None

    def note(self, notes: Notes) -> None:
        """Adds what each is, and what to answer."""
        for key, entries in (("singletons", self.singletons), ("followers", self.followers), (JOBS, self.jobs)):
            for n, each in enumerate(entries):
                self._note(key, f"{key}/{n if key == JOBS else each.name}", each, notes)
        notes.check += [f"{name} does not move with a release: {why}." for name, why in (self.alone or {}).items()]

    def _note(self, key: str, path: str, each: Entry, notes: Notes) -> None:
        if not each.active:
            what = f"{key}: may {each.service} run twice at once ({each.why})?"
            what = what if key == "singletons" else f"{key}: {each.service} ({each.why}): {each.question}."
            notes.check.append(f"{what} It is in the file as a comment.")
        elif each.question:
            notes.ask(f"{path}/service", f"{each.why}: {each.question}")
        else:
            notes.found.append(f"{path}: {each.service} ({each.why})")


JOBS = str(Kind.JOB)


def of_pairs(sure: Found, unsure: Found) -> Uncolored:
    """Those of a project that has colors."""
    certain = [Entry(name, service, why) for name, (service, why) in sure.items()]
    asked = [Entry(name, service, why, TWICE, active=False) for name, (service, why) in unsure.items()]
    return Uncolored(singletons=(*certain, *asked))


def of_roles(roles: Roles, project: Project) -> Uncolored:
    """Those of a project without colors."""
    names = all_names(project.services, project.name)
    found = {kind: tuple(_entries(roles, kind, names)) for kind in Kind}
    jobs = tuple(_in_order(found[Kind.JOB], project))
    return Uncolored(found[Kind.SINGLETON], found[Kind.FOLLOWER], jobs, roles.alone)


def _entries(roles: Roles, kind: Kind, names: Mapping[str, str]) -> Iterator[Entry]:
    for service, role in roles.of(kind).items():
        yield Entry(names[service], service, role.why, role.question, role.active)


def _in_order(jobs: tuple[Entry, ...], project: Project) -> list[Entry]:
    """`jobs`, each after those that it waits for."""
    left, ordered = list(jobs), list[Entry]()
    while left:
        waiting = {each.service for each in left}
        ready = [each for each in left if not waiting & set(completed(project.services[each.service]))] or left[:1]
        ordered += ready
        left = [each for each in left if each not in ready]
    return sorted(ordered, key=lambda each: not each.active)
