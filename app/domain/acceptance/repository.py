"""Which repository the releases come from: GitHub's id of it, which does not change when it is renamed or transferred.

A name is no identity: after a rename or a deletion, anyone may register the old name.
https://docs.github.com/en/repositories/creating-and-managing-repositories/renaming-a-repository
"""

from dataclasses import dataclass, replace

from app.domain.findings import Alarm
from app.domain.stack import REPOSITORY, Stack

_WRITE = "in the stack file (or in AUTO_UPDATE_REPO, if that is set), then restart web and worker."


@dataclass(frozen=True)
class KnownRepository:
    """The repository `id`, learned while the stack file named `written`. `name`: what its server calls it now.

    `replaced_by`: the id of another repository that the server last named under `name`; None if it is the same one.
    """

    written: str
    id: int
    name: str
    replaced_by: int | None = None

    @property
    def is_renamed(self) -> bool:
        return not _same(self.name, self.written)


def known_for(stack: Stack, known: KnownRepository | None) -> KnownRepository | None:
    """What is known of the repository that the stack file names; None if that is no id, or is of another repository.

    `repository_id` in the stack file wins.
    """
    if known is not None and not (_same(stack.repository, known.written) or _same(stack.repository, known.name)):
        known = None
    if stack.repository_id is not None and (known is None or known.id != stack.repository_id):
        return KnownRepository(stack.repository, stack.repository_id, stack.repository)
    return replace(known, written=stack.repository) if known else None


def learned(stack: Stack, known: KnownRepository | None, name: str, id_: int) -> KnownRepository | None:
    """What is known after the server's own answer said that the repository `id_` is `name`.

    The first id under the stack file's name is the repository's. Another one under that name never becomes it. A name
    that the stack file could not have is not used: it becomes part of URLs.
    """
    before = known_for(stack, known)
    if not _is_name(name):
        return before
    if before is None:
        return KnownRepository(stack.repository, id_, name) if _same(name, stack.repository) else None
    if before.id == id_:
        return replace(before, name=name, replaced_by=None)
    return replace(before, replaced_by=id_) if _same(name, before.name) else before


def delivered(stack: Stack, known: KnownRepository | None, name: str, id_: int) -> KnownRepository | None:
    """What is known after a delivery, which may be late: it never restores the name from before a rename."""
    before = known_for(stack, known)
    if before is not None and before.id == id_ and before.is_renamed and _same(name, before.written):
        return before
    return learned(stack, known, name, id_)


def identified(stack: Stack, known: KnownRepository | None) -> Stack:
    """`stack` with the id of its repository, if it is known: the policy then compares the id, and not the name."""
    before = known_for(stack, known)
    return replace(stack, repository_id=before.id) if before else stack


def renamed_source(stack: Stack, known: KnownRepository | None) -> str:
    """The URL to fetch from: `source` with the repository's present name, if `source` has the old one.

    So a fetch never depends on a redirect from the old name, which another repository may have by now.
    """
    before = known_for(stack, known)
    if before is None or not before.is_renamed:
        return stack.source
    old, ending = stack.repository.lower(), ".git" if stack.source.endswith(".git") else ""
    head = stack.source.removesuffix(".git")
    on_server = stack.source.startswith(("https://", "ssh://")) or ("://" not in head and "@" in head)
    if not on_server or not head.lower().endswith((f"/{old}", f":{old}")):
        return stack.source
    return head[: -len(old)] + before.name + ending


def repository_alarms(stack: Stack, known: KnownRepository | None) -> list[Alarm]:
    """The alarms about the repository's name. They end when the stack file has what they say."""
    now = known_for(stack, known)
    if now is None:
        return []
    if now.replaced_by is not None:
        return [Alarm("repository_replaced", replaced(now))]
    if now.is_renamed:
        source = "" if stack.source == f"https://github.com/{stack.repository}.git" else " Correct `source` too."
        text = (
            f"The repository {stack.repository} is {now.name} now: it was renamed or transferred, and its id "
            f"{now.id} is the same. Its releases are still accepted. Write `repository: {now.name}` {_WRITE}{source}"
        )
        return [Alarm("repository_renamed", text)]
    return []


def replaced(known: KnownRepository) -> str:
    """Says that another repository has the name."""
    return (
        f"{known.name} is now another repository: its id is {known.replaced_by}, and the stack's repository has the id "
        f"{known.id}. The updater fetches nothing from it; your traffic is unchanged. If your repository was renamed, "
        f"write its new name as `repository` {_WRITE} If you recreated it, write "
        f"`repository_id: {known.replaced_by}` in the stack file, then restart web and worker."
    )


def _is_name(name: str) -> bool:
    return REPOSITORY.fullmatch(name) is not None and name.rpartition("/")[2] not in {".", ".."}


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()
