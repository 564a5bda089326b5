"""Finds what the stack file and the live release do not have in common, with a remedy for each."""

import shlex
from collections.abc import Iterator

from app.domain.engine_commands import commands_of
from app.domain.findings import Check, Verdict
from app.domain.release_stack import Roles, lacking
from app.domain.stack import Stack
from app.domain.state import State
from workers.inspect.leftovers import RUNS
from workers.ports import Seen, Survey


def checks(stack: Stack, part: Stack, roles: Roles, state: State, seen: Survey) -> Iterator[Check]:
    """`part`: `stack` as the live release has it; `roles`: what that release moves. None while a rollout runs."""
    live = state.current
    if live is None or state.rollout is not None:
        return
    for name in lacking(stack, part):
        yield Check(f"new_{name}", Verdict.OK, f"{live.tag} does not have {name}: the next release with it starts it")
    expected = {*part.moved_services()} - {*part.jobs}
    for container in seen.containers:
        if container.service in expected or container.state not in RUNS or container.service in _others(stack):
            continue
        if container.rollout is not None or container.service in roles:
            yield _left(container, stack, live.tag)


def _others(stack: Stack) -> set[str]:
    """The services that have checks of their own."""
    return {*stack.retired, *(stack.updater.services if stack.updater else ())}


def _left(container: Seen, stack: Stack, tag: str) -> Check:
    name, service = shlex.quote(container.name or container.service), container.service
    known = service in stack.moved_services()
    why = f"{tag} does not have it" if known else "the stack file does not name it"
    why = "in the stack file it is a job, which only runs before the flip" if service in stack.jobs else why
    remedy = f"Stop and remove it: {commands_of(stack).remove(name)}."
    keep = "" if known else " To have releases replace it again, name it in the stack file."
    found = f"{container.name or service} ({service}) runs, but {why}: no rollout replaces or stops it"
    return Check(f"left_{service}", Verdict.WARNING, found, f"{remedy}{keep}")
