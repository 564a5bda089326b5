"""Today's stack as an older release has it."""

from dataclasses import replace

import pytest

from app.domain.release_stack import Role, Roles, as_of, brought_back, lacking, names_of, released_twice
from app.domain.routing.routes import ClientRoute
from app.domain.stack import BeforeFlip, Color, Follower, Singleton, Stack
from tests.examples import a_routed, a_stack

STACK = a_stack()
SKILLS, API = STACK.routed
MAIL = a_routed("mail", 8070, "/", ClientRoute("web", "PathPrefix(`/mail`)"))
BOT = Singleton("bot", "bot")


def roles_of(stack: Stack, *, named: bool = True) -> Roles:
    """What a release has that was defined with `stack`."""
    names = names_of(stack)
    moved = stack.moved_services().items()
    return {s: Role(color, names[s] if named else None, job=s in stack.jobs) for s, color in moved}


@pytest.mark.parametrize("named", [True, False])
def test_an_unchanged_stack_is_all_there(named: bool) -> None:
    assert as_of(STACK, roles_of(STACK, named=named)) == STACK
    assert as_of(STACK, {}) == STACK, "the release's definition is missing"


def test_unchanged_stack_is_not_copied() -> None:
    """The drift watch asks every few seconds."""
    assert as_of(STACK, roles_of(STACK)) is STACK


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    ("today", "missing"),
    [
        (replace(STACK, routed=(*STACK.routed, MAIL)), ("mail",)),
        (replace(STACK, singletons=(BOT, Singleton("cron", "cron"))), ("cron",)),
        (replace(STACK, routed=(SKILLS,)), ()),
        (replace(STACK, singletons=()), ()),
    ],
)
def test_a_release_lacks_what_was_added_since(named: bool, today: Stack, missing: tuple[str, ...]) -> None:
    part = as_of(today, roles_of(STACK, named=named))
    assert lacking(today, part) == missing
    assert {*part.moved_services()} <= {*STACK.moved_services()}


def test_a_renamed_service_keeps_its_old_name() -> None:
    app = replace(API, colors={Color.BLUE: "app-blue", Color.GREEN: "app-green"})
    today = replace(STACK, routed=(SKILLS, app), singletons=(Singleton("bot", "discord"),))
    part = as_of(today, roles_of(STACK))
    assert part == STACK
    assert lacking(today, part) == ()


@pytest.mark.parametrize("service", ["bot", "discord"])
def test_a_singleton_stays_on_its_node(service: str) -> None:
    """Whatever its Compose service was called, and also if it was a follower then: two nodes would run it twice."""
    pinned = replace(STACK, singletons=(Singleton("bot", service, "worker-1"),))
    assert as_of(pinned, roles_of(STACK)).singletons == (Singleton("bot", "bot", "worker-1"),)
    followed = {"bot": Role(None, "bot", single=False)}
    assert as_of(pinned, followed).followers == (Follower("bot", "bot"),)
    assert brought_back(pinned, followed).singletons == (Singleton("bot", "bot", "worker-1"),)


def test_an_unknown_name_may_be_a_renamed_one() -> None:
    """An earlier updater defined the release: the route stays, and what needs the definition refuses."""
    app = replace(API, colors={Color.BLUE: "app-blue", Color.GREEN: "app-green"})
    today = replace(STACK, routed=(SKILLS, app))
    assert as_of(today, roles_of(STACK, named=False)).routed == today.routed


def test_a_service_of_another_kind_is_new() -> None:
    today = replace(STACK, routed=(SKILLS,), singletons=(BOT, Singleton("api", "api")))
    part = as_of(today, roles_of(STACK))
    assert lacking(today, part) == ("api",)
    back = as_of(STACK, roles_of(today))
    assert lacking(STACK, back) == ("api",)


def test_commands_of_missing_services_are_gone() -> None:
    today = replace(
        STACK, routed=(*STACK.routed, MAIL), before_flip=(BeforeFlip("mail", ("x",)), BeforeFlip("api", ("y",)))
    )
    assert [each.service for each in as_of(today, roles_of(STACK)).before_flip] == ["api"]


def test_a_singleton_that_was_routed_may_run_twice() -> None:
    today = replace(STACK, routed=(SKILLS,), singletons=(BOT, Singleton("api", "api")))
    assert released_twice(today, roles_of(STACK)) == ["api-blue", "api-green"]
    assert released_twice(STACK, roles_of(STACK)) == []
    renamed = replace(STACK, singletons=(Singleton("bot", "discord"),))
    assert released_twice(renamed, roles_of(STACK)) == [], "the hand-over stops it"
    assert released_twice(renamed, roles_of(STACK, named=False)) == ["bot"], "nothing says which one it is"
    assert released_twice(replace(STACK, singletons=()), roles_of(STACK, named=False)) == []
