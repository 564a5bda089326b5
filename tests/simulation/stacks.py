"""How an operator may change the stack file: each kind of service comes, goes and is renamed."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from app.domain.routing.routes import ClientRoute
from app.domain.stack import BeforeFlip, Color, Follower, Singleton, Stack
from tests.examples import a_routed

Change = Callable[[Stack], Stack]

MAIL = a_routed("mail", 8070, "/", ClientRoute("web", "PathPrefix(`/mail`)"))
CRON, TASKS, SEED = Singleton("cron", "cron"), Follower("tasks", "tasks"), BeforeFlip("seed", limit=10)


def _routed_comes(stack: Stack) -> Stack:
    return replace(stack, routed=(*(s for s in stack.routed if s.name != MAIL.name), MAIL))


def _routed_goes(stack: Stack) -> Stack:
    """The last one goes, of several."""
    return replace(stack, routed=stack.routed[:-1] or stack.routed)


def _colors_are_renamed(stack: Stack) -> Stack:
    service = stack.routed[-1]
    new = replace(service, colors={color: f"new{service.name}-{color}" for color in Color})
    return replace(stack, routed=(*stack.routed[:-1], new))


def _singleton_comes(stack: Stack) -> Stack:
    return replace(stack, singletons=(*(s for s in stack.singletons if s.name != CRON.name), CRON))


def _singleton_is_renamed(stack: Stack) -> Stack:
    return replace(stack, singletons=tuple(Singleton(s.name, f"new{s.name}") for s in stack.singletons))


def _follower_comes(stack: Stack) -> Stack:
    return replace(stack, followers=(*(f for f in stack.followers if f.name != TASKS.name), TASKS))


def _follower_is_renamed(stack: Stack) -> Stack:
    return replace(stack, followers=tuple(Follower(f.name, f"new{f.name}") for f in stack.followers))


CHANGES: Mapping[str, Change] = {
    "routed comes": _routed_comes,
    "routed goes": _routed_goes,
    "colors are renamed": _colors_are_renamed,
    "singleton comes": _singleton_comes,
    "singleton goes": lambda stack: replace(stack, singletons=stack.singletons[:-1]),
    "singleton is renamed": _singleton_is_renamed,
    "follower comes": _follower_comes,
    "follower goes": lambda stack: replace(stack, followers=()),
    "follower is renamed": _follower_is_renamed,
    "job comes": lambda stack: replace(stack, before_flip=(SEED,)),
    "job goes": lambda stack: replace(stack, before_flip=()),
}
