"""Definitions of an older release, read with the stack file of today."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.release_stack import as_of
from app.domain.routing.routes import ClientRoute
from app.domain.stack import BeforeFlip, Color, Follower, Singleton, Stack, made_colors
from tests.examples import a_routed, a_stack, sha_of
from workers.definition.changes.changed_values import changed_values
from workers.definition.changes.comparison import compare
from workers.definition.images.service_images import with_images_of
from workers.definition.live_model import as_it_runs
from workers.definition.services.colors import with_colors, with_singles
from workers.definition.services.copies import copies_of
from workers.definition.services.roles import NAME_LABEL, SINGLE_LABEL, roles_in
from workers.definition.transform import one_way, restamp, transform
from workers.ports import Stamp

BEFORE = a_stack()
SKILLS, API = BEFORE.routed
MAIL = a_routed("mail", 8070, "/", ClientRoute("web", "PathPrefix(`/mail`)"))
COLORS = {Color.BLUE: "app-blue", Color.GREEN: "app-green"}
CRON = Singleton("cron", "cron")

CHANGES: dict[str, Stack] = {
    "routed added": replace(BEFORE, routed=(*BEFORE.routed, MAIL)),
    "routed removed": replace(BEFORE, routed=(SKILLS,)),
    "routed retired": replace(BEFORE, routed=(SKILLS,), retired=("api-blue", "api-green")),
    "colors renamed": replace(BEFORE, routed=(SKILLS, replace(API, colors=COLORS))),
    "singleton added": replace(BEFORE, singletons=(*BEFORE.singletons, CRON)),
    "singleton removed": replace(BEFORE, singletons=()),
    "singleton renamed": replace(BEFORE, singletons=(Singleton("bot", "discord"),)),
    "singleton becomes routed": replace(
        BEFORE,
        routed=(*BEFORE.routed, replace(MAIL, name="bot", colors={Color.BLUE: "bot", Color.GREEN: "bot-green"})),
        singletons=(),
    ),
    "routed becomes singleton": replace(
        BEFORE, routed=(SKILLS,), singletons=(*BEFORE.singletons, Singleton("api", "api-blue"))
    ),
    "unmoved becomes singleton": replace(BEFORE, singletons=(*BEFORE.singletons, Singleton("db", "db"))),
}


def source(stack: Stack) -> dict[str, Any]:
    """A release that was written for `stack`, with a database beside it, which was there before."""
    named = {name: {"image": f"octo/{name}:1", "build": {"context": f"/t/{name}"}} for name in stack.written_services()}
    return {"name": "shop", "services": {"db": {"image": "postgres:16"}} | named}


def defined(stack: Stack, tag: str, *, named: bool = True) -> dict[str, Any]:
    model = transform(source(stack), stack, Stamp(tag, sha_of(tag), f"r-{tag}"))
    for service in model["services"].values():
        if not named:
            service.get("labels", {}).pop(NAME_LABEL, None)
    return model


FOLLOWERS = replace(BEFORE, followers=(Follower("queue", "worker"),))
SINGLETONS = replace(BEFORE, singletons=(*BEFORE.singletons, Singleton("queue", "worker")))


def with_worker(stack: Stack, copies: int, *, labelled: bool = True) -> dict[str, Any]:
    """A definition that was made with `stack`. An earlier updater labelled no kind."""
    written = source(stack)
    written["services"]["worker"]["deploy"] = {"replicas": copies}
    model = transform(written, stack, Stamp("v1.0.0", sha_of("v1.0.0"), "r-1"))
    if not labelled:
        for service in model["services"].values():
            service.get("labels", {}).pop(SINGLE_LABEL, None)
    return model


@pytest.mark.parametrize(
    ("before", "copies", "labelled", "today", "singleton"),
    [
        (FOLLOWERS, 1, True, SINGLETONS, False),
        (FOLLOWERS, 3, True, SINGLETONS, False),
        (FOLLOWERS, 3, False, SINGLETONS, False),
        (FOLLOWERS, 1, False, SINGLETONS, True),
        (SINGLETONS, 1, True, FOLLOWERS, True),
        (SINGLETONS, 1, False, FOLLOWERS, False),
    ],
)
def test_release_keeps_the_kind_of_its_service(
    before: Stack, copies: int, labelled: bool, today: Stack, singleton: bool
) -> None:
    """Of an earlier updater's definition, today's kind counts; several copies of it were those of a follower."""
    part = as_of(today, roles_in(with_worker(before, copies, labelled=labelled)))
    assert ("worker" in [s.service for s in part.singletons]) is singleton
    assert ("worker" in [f.service for f in part.followers]) is not singleton


def test_release_that_is_rolled_back_to_has_todays_singleton_once() -> None:
    """Also in what a plain `docker compose up` starts."""
    kept = restamp(with_worker(FOLLOWERS, 3), SINGLETONS, Stamp("v1.0.0", sha_of("v1.0.0"), "r-2"))
    assert copies_of(kept["services"]["worker"]) == 1
    assert roles_in(kept)["worker"].single
    live = as_it_runs(with_worker(FOLLOWERS, 3), None, SINGLETONS, Color.BLUE, {}, sha="a")["services"]["worker"]
    assert copies_of(live) == 3, "it is live since before the change"
    again = restamp(with_worker(SINGLETONS, 1), FOLLOWERS, Stamp("v1.0.0", sha_of("v1.0.0"), "r-2"))
    assert roles_in(again)["worker"].single, "it was not made to run twice"


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("change", CHANGES)
def test_an_older_definition_is_read_by_todays_stack(change: str, named: bool) -> None:
    """Every reader of it, also of one that an earlier updater made, without names."""
    today, old = CHANGES[change], defined(BEFORE, "v1.0.0", named=named)
    part = as_of(today, roles_in(old))
    again = restamp(old, today, Stamp("v1.0.0", sha_of("v1.0.0"), "r-9"))
    have = [name for name in part.moved_services() if name in again["services"]]
    assert {again["services"][name]["labels"]["updater.rollout"] for name in have} == {"r-9"}
    new = defined(today, "v1.1.0")
    compared = compare(new, old, today, tree="/t")
    assert {difference.service for difference in compared.moved} == {*today.moved_services()}
    assert one_way(old, today) is False
    for color in Color:
        for model, before in ((old, None), (old, new), (new, old)):
            as_it_runs(model, before, today, color, {"bot": "r-v1.0.0", "discord": "r-v1.1.0"}, sha=sha_of("v1.0.0"))
    if named:
        with_images_of(old, old, part.moved_services())
    changed_values(old, new, today.moved_services())


MADE = replace(BEFORE, routed=(SKILLS, replace(API, colors=made_colors("api"), made_from="api")))
SITE = replace(BEFORE, routed=(SKILLS, replace(API, colors=made_colors("site"), made_from="site")))
MAKINGS: dict[str, tuple[Stack, Stack]] = {
    "made, and grown": (MADE, replace(MADE, routed=(*MADE.routed, replace(MAIL, made_from="mail")))),
    "made from another service": (MADE, SITE),
    "made once": (MADE, BEFORE),
    "made once, renamed": (MADE, CHANGES["colors renamed"]),
    "made now": (BEFORE, MADE),
    "made now, renamed": (BEFORE, SITE),
}


@pytest.mark.parametrize("change", MAKINGS)
def test_how_a_release_got_its_colors_is_known(change: str) -> None:
    """Its own files are read again for a rollback with today's values."""
    before, today = MAKINGS[change]
    old = defined(before, "v1.0.0")
    part = as_of(today, roles_in(old))
    assert part == before
    again = transform(source(before), part, Stamp("v1.0.0", sha_of("v1.0.0"), "r-v1.0.0"))
    assert again == old
    content = as_it_runs(old, defined(today, "v1.1.0"), today, Color.GREEN, {}, sha=sha_of("v1.0.0"))
    starts = {name for name, service in content["services"].items() if not service.get("profiles")}
    assert starts == {*before.services(Color.GREEN), "db"}
    compared = compare(defined(today, "v1.1.0"), old, today, tree="/t")
    assert [d.service for d in compared.moved if d.redefined is None] == (
        ["mail-blue", "mail-green"] if "grown" in change else []
    )


def test_one_container_of_before_serves_on_after_its_service_was_renamed() -> None:
    adopted = with_singles(defined(MADE, "v1.0.0"), source(MADE), MADE)
    content = as_it_runs(adopted, None, SITE, Color.BLUE, {}, sha=sha_of("v1.0.0"), singles=["api-blue"])
    assert content["services"]["api"] == source(MADE)["services"]["api"]
    starts = {name for name, service in content["services"].items() if not service.get("profiles")}
    assert starts == {"api", "skills-blue", "bot", "db"}


def test_adoption_keeps_the_definition_of_a_singleton_that_a_rollout_made() -> None:
    """What is adopted has no roles; the singleton of before has one."""
    model = with_singles(with_colors(source(MADE), MADE), source(MADE), MADE)
    before = defined(MADE, "v1.0.0")
    content = as_it_runs(
        model, before, MADE, Color.BLUE, {"bot": "r-v1.0.0"}, sha=sha_of("v1.1.0"), singles=["api-blue"]
    )
    assert content["services"]["bot"] == before["services"]["bot"]
    starts = {name for name, service in content["services"].items() if not service.get("profiles")}
    assert starts == {"api", "skills-blue", "bot", "db"}


@pytest.mark.parametrize("change", CHANGES)
def test_only_what_is_live_starts_from_an_older_definition(change: str) -> None:
    today, old = CHANGES[change], defined(BEFORE, "v1.0.0")
    part = as_of(today, roles_in(old))
    content = as_it_runs(old, None, today, Color.BLUE, {}, sha=sha_of("v1.0.0"))
    starts = {name for name, service in content["services"].items() if not service.get("profiles")}
    assert starts == {*part.services(Color.BLUE), "db"}


def test_a_new_service_counts_as_new_whatever_ran_there() -> None:
    today = CHANGES["unmoved becomes singleton"]
    compared = compare(defined(today, "v1.1.0"), defined(BEFORE, "v1.0.0"), today, tree="/t")
    assert {d.service: d.redefined for d in compared.moved}["db"] is None


def test_a_renamed_service_is_compared_with_itself() -> None:
    today = CHANGES["colors renamed"]
    compared = compare(defined(today, "v1.1.0"), defined(BEFORE, "v1.0.0"), today, tree="/t")
    assert {d.service: d.redefined for d in compared.moved}["app-blue"] is False
    assert compared.others == ()


def test_a_service_that_is_named_no_longer_is_reported() -> None:
    today = CHANGES["singleton removed"]
    for new in (defined(today, "v1.1.0"), {**defined(today, "v1.1.0")}):
        (other,) = compare(new, defined(BEFORE, "v1.0.0"), today, tree="/t").others
        assert other[0] == "bot"
        assert "the stack file no longer names it" in other[1]


def test_a_declaration_counts_after_its_service_is_gone() -> None:
    old = defined(BEFORE, "v1.0.0")
    old["services"]["bot"]["labels"]["updater.rollback"] = "never"
    assert one_way(old, CHANGES["singleton removed"])


FOLLOWED = replace(BEFORE, followers=(Follower("queue", "worker"),))
AS_A_JOB = replace(BEFORE, before_flip=(BeforeFlip("worker"),))


@pytest.mark.parametrize("today", [FOLLOWED, replace(BEFORE, followers=(Follower("queue", "jobs"),)), AS_A_JOB])
def test_what_changed_in_a_follower_or_job_is_found(today: Stack) -> None:
    """Also if its service has another name since."""
    before = AS_A_JOB if today is AS_A_JOB else FOLLOWED
    now = source(today)
    (service,) = set(today.moved_services()) - set(BEFORE.moved_services())
    now["services"][service]["environment"] = {"NEW": "1"}
    new = transform(now, today, Stamp("v1.1.0", sha_of("v1.1.0"), "r-2"))
    found = {d.service: d for d in compare(new, defined(before, "v1.0.0"), today, tree="/t").moved}
    assert (found[service].redefined, found[service].added) == (True, ("NEW",))


def test_what_becomes_a_job_or_was_one_is_another_service() -> None:
    """A job has ended, so it is no follower of its release; and no release stops what runs of the later job."""
    plain = replace(BEFORE, followers=(Follower("worker", "worker"),))
    job, follower = defined(AS_A_JOB, "v1.0.0"), defined(plain, "v1.0.0")
    assert as_of(plain, roles_in(job)).followers == ()
    assert as_of(AS_A_JOB, roles_in(follower)).jobs == ()
    assert as_of(AS_A_JOB, roles_in(job)).jobs == ("worker",)
    ((name, why),) = compare(defined(AS_A_JOB, "v1.1.0"), follower, AS_A_JOB, tree="/t").others
    assert (name, "only runs before the flip" in why) == ("worker", True)
    for old, today in ((job, plain), (follower, AS_A_JOB)):
        content = as_it_runs(old, None, today, Color.BLUE, {}, sha=sha_of("v1.0.0"))
        assert content["services"]["worker"]["profiles"]
