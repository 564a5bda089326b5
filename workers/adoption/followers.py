"""The followers of a stack that is adopted: a rollback must be able to start them as they ran."""

from collections.abc import Iterator

from app.domain.stack import Stack
from workers.adoption.reach import Found
from workers.adoption.singletons import GONE
from workers.ports import Instance


def stopped(stack: Stack, found: Found) -> Iterator[Instance]:
    """The containers of each follower of which none runs now: they belong to the release too."""
    for follower in stack.followers:
        containers = [i for i in found.get(follower.service, ()) if i.state not in GONE]
        if not any(i.running for i in containers):
            yield from containers


def warnings_of(stack: Stack, found: Found) -> Iterator[str]:
    """What an operator should know about the followers of which none runs."""
    held = {i.service for i in stopped(stack, found)}
    for follower in stack.followers:
        if follower.service in held:
            yield (
                f"{follower.service} does not run, and is kept as it is. The first release starts {follower.name}, and "
                "a rollback to the adopted release starts these containers"
            )
        elif not any(i.running for i in found.get(follower.service, ())):
            yield (
                f"{follower.service} has no container: the first release starts it, and no rollback to the adopted "
                "release is possible. To make one possible, create the container before the adoption"
            )
