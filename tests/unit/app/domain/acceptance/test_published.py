"""Which published releases count as missed, and which do not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.acceptance.published import Decided, missed, wanted
from app.domain.stack import Channel, Policy
from app.domain.state import State
from app.domain.tags import TagOrder, TagRule
from tests.examples import NOW, a_live, a_release, a_rollout, a_stack
from tests.fakes.github_api import a_published

OLD, NEW, NEWEST = (a_published(tag) for tag in ("v1.1.0", "v1.2.0", "v1.3.0"))
LIVE = State(current=a_live("v1.0.0"))
LATER, EARLIER = NOW + timedelta(hours=1), NOW - timedelta(hours=1)


def tags(state: State, *decided: Decided, published: object = (OLD, NEWEST, NEW), **stack: object) -> list[str]:
    return [p.event.tag for p in missed(published, a_stack(**stack), state, decided)]  # type: ignore[arg-type]


def test_missed_releases_are_listed_newest_first() -> None:
    assert tags(LIVE) == ["v1.3.0", "v1.2.0", "v1.1.0"]


def test_live_or_older_release_is_not_missed() -> None:
    assert tags(State(current=a_live("v1.2.0"))) == ["v1.3.0"]
    assert tags(State(current=a_live("v1.3.0"))) == []


def test_first_start_takes_only_the_newest() -> None:
    assert tags(State()) == ["v1.3.0"]


def test_decided_newest_blocks_older_at_first_start() -> None:
    assert tags(State(decided=(NEWEST.event.key,))) == []
    assert tags(State(), Decided("v1.3.0", LATER)) == []


@pytest.mark.parametrize(
    "state",
    [
        State(current=a_live(), decided=(NEW.event.key,)),
        State(current=a_live(), accepted=(a_release("v1.2.0", key=NEW.event.key),)),
        State(current=a_live(), accepted=(a_release("v1.2.0", key="manual:r-1"),)),
        State(current=a_live(), rollout=a_rollout(release=a_release("v1.2.0", key=NEW.event.key))),
    ],
)
def test_known_release_is_not_missed(state: State) -> None:
    assert tags(state, published=[NEW]) == []


def test_tag_decided_under_another_key_stays_out() -> None:
    """An operator applied v1.2.0 by hand and rolled it back."""
    assert tags(LIVE, Decided("v1.2.0", EARLIER), published=[NEW]) == []


def test_release_before_a_decision_stays_out() -> None:
    """v1.1.0 was published before v1.2.0 was decided: its webhook would have been superseded."""
    assert tags(LIVE, Decided("v1.2.0", LATER), published=[OLD]) == []


def test_decided_releases_are_compared_by_date_too() -> None:
    """`later` was published after `first`, and decided: the webhook of `first` would have been superseded."""
    first, later = (a_published(tag, at=NOW + timedelta(minutes=n)) for n, tag in enumerate(("zebra", "aardvark")))
    live = State(current=replace(a_live("v1"), published_at=NOW - timedelta(days=1)))
    rule = TagRule("*", TagOrder.PUBLISHED)
    assert tags(live, Decided("aardvark", LATER), published=[first, later], **{"tags": rule}) == []
    assert tags(live, Decided("aardvark", EARLIER), published=[first, later], **{"tags": rule}) == ["zebra"]


def test_older_fix_after_a_failure_is_wanted() -> None:
    assert tags(LIVE, Decided("v1.2.0", EARLIER), published=[OLD]) == ["v1.1.0"]


def test_policy_also_applies_to_missed_releases() -> None:
    policy = Policy(allowed_authors=frozenset({"octocat"}), require_immutable=True)
    fit = a_published("v1.3.0", author="Octocat", immutable=True)
    others = [a_published("v1.4.0", author="mallory", immutable=True), a_published("v1.5.0", author="octocat"), NEW]
    assert wanted([*others, fit], a_stack(policy=policy)) == [fit]


def test_webhook_filter_covers_missed_releases() -> None:
    others = [
        a_published("v9.0.0", draft=True),
        a_published("v9.0.1", prerelease=True),
        a_published("v9.0.2", repository="someone/else"),
        a_published("nightly"),
        a_published("9.0.3"),
    ]
    assert wanted([*others, NEW], a_stack()) == [NEW]
    assert tags(LIVE, published=others, channel=Channel.PRERELEASE) == ["v9.0.1"]
