"""Names the containers that mount another version of a file than they were created with."""

from collections.abc import Iterator

from app.domain.findings import Check, Verdict
from workers.ports import Survey

NAME = "mounted_files"
REMEDY = (
    "Your traffic is not affected. The next rollout replaces these containers, with today's files. If a file should "
    "not have changed, restore it first. To replace them now, roll the live tag out again: "
    "`updater deploy TAG --force`."
)


def check(seen: Survey) -> Check:
    """The engine mounts today's file when it starts a container, also when it restarts one by itself."""
    if found := "; ".join(_found(seen)):
        return Check(NAME, Verdict.WARNING, found, REMEDY)
    return Check(NAME, Verdict.OK, "every container has the files that it was created with, or mounts none")


def _found(seen: Survey) -> Iterator[str]:
    for each in seen.containers:
        if files := ", ".join(each.new_files):
            yield f"{each.name} was created with another version of {files}, and started again with today's"
        if files := ", ".join(each.old_files):
            yield f"{each.name} still has the version of {files} from before it changed"
