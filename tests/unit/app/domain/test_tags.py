"""Which tags are accepted, and their order: the same for every caller, because only TagRule compares."""

import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.acceptance.decision import decide, overtakes
from app.domain.acceptance.policy import ReleaseEvent, reason_to_ignore
from app.domain.acceptance.published import Published, missed
from app.domain.errors import TagInvalid
from app.domain.release import LiveRelease
from app.domain.stack import Channel
from app.domain.state import State
from app.domain.tags import MAX_TAG_LENGTH, UNKNOWN_TAG, DatedTag, TagOrder, TagRule, Version, check_name
from tests.examples import NOW, a_release, a_rollout, a_stack, sha_of

# https://semver.org/#spec-item-11
CHAIN = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.2.0",
    "1.10.0",
    "2.0.0",
]
NUMBERS = ["0.9", "1", "1.2", "v1.2.3.4", "1.10", "2024.01.05", "2024.1.5.1", "v2024.10", "2024.10.1", "20250101"]
ANY = TagRule("*")
BY_NUMBERS = TagRule("*", TagOrder.NUMBERS)
BY_DATE = TagRule("*", TagOrder.PUBLISHED)


def newer(new: str, old: str, rule: TagRule) -> bool:
    return not rule.not_newer(DatedTag(new), DatedTag(old))


@pytest.mark.parametrize(("older", "later"), list(itertools.combinations(CHAIN, 2)))
def test_tags_follow_semver_order(older: str, later: str) -> None:
    assert (newer(f"v{later}", older, ANY), newer(older, f"v{later}", ANY)) == (True, False)


@pytest.mark.parametrize(("older", "later"), list(itertools.combinations(NUMBERS, 2)))
def test_dotted_numbers_are_ordered_by_value(older: str, later: str) -> None:
    assert (newer(later, older, BY_NUMBERS), newer(older, later, BY_NUMBERS)) == (True, False)


@pytest.mark.parametrize(("one", "other"), [("2024.01.05", "v2024.1.5"), ("v1.2", "1.2.0"), ("0", "0.0")])
def test_zeros_in_numbers_do_not_count(one: str, other: str) -> None:
    assert (newer(one, other, BY_NUMBERS), newer(other, one, BY_NUMBERS)) == (False, False)


def test_date_of_publication_orders_any_tag() -> None:
    later = NOW + timedelta(seconds=1)
    assert not BY_DATE.not_newer(DatedTag("aardvark", later), DatedTag("zebra", NOW))
    assert BY_DATE.not_newer(DatedTag("zebra", NOW), DatedTag("aardvark", later))
    east = later.astimezone(timezone(timedelta(hours=9)))
    assert not BY_DATE.not_newer(DatedTag("b", later + timedelta(seconds=1)), DatedTag("a", east))


def test_tags_of_one_second_are_ordered_by_their_numbers() -> None:
    assert not BY_DATE.not_newer(DatedTag("build-10", NOW), DatedTag("build-9", NOW))


def test_leading_v_and_build_part_are_ignored() -> None:
    assert Version.read("v1.2.3") == Version.read("1.2.3") == Version.read("1.2.3+build.7")


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("v*", ""),
        ("*", ""),
        ("1.*", ""),
        ("v1.*", ""),
        ("v1.2.3", ""),
        ("v1.2.3-*", ""),
        ("[vV]*", ""),
        ("web-v*", "web-"),
        ("web-v2.*", "web-"),
        ("web-1.2.3-*", "web-"),
        ("api@*", "api@"),
        ("@acme/web@*", "@acme/web@"),
        ("release/2024.*", "release/"),
        ("k8s-v*", "k8s-"),
        ("py3-*", "py3-"),
        ("log4j2-v1.*", "log4j2-"),
    ],
)
def test_prefix_is_the_literal_beginning(pattern: str, prefix: str) -> None:
    assert TagRule(pattern).prefix == prefix


@pytest.mark.parametrize(
    ("rule", "older", "later", "version"),
    [
        (TagRule("web-v*"), "web-v0.7.1", "web-v0.10.0", "0.10.0"),
        (TagRule("api@*"), "api@1.2.3-rc.1", "api@1.2.3", "1.2.3"),
        (TagRule("@acme/web@*"), "@acme/web@9.0.0", "@acme/web@10.0.0", "10.0.0"),
        (TagRule("release/*"), "release/2024.9.1", "release/2024.10.1", "2024.10.1"),
        (TagRule("release/*", TagOrder.NUMBERS), "release/2024.09.01", "release/v2024.10", "2024.10"),
        (TagRule("v1.*"), "v1.9.0", "v1.10.0", "1.10.0"),
        (TagRule("v1.2.3-*"), "v1.2.3-rc.2", "v1.2.3-rc.10", "1.2.3-rc.10"),
    ],
)
def test_version_follows_the_prefix(rule: TagRule, older: str, later: str, version: str) -> None:
    assert (rule.matches(older), rule.matches(later)) == (True, True)
    assert (newer(later, older, rule), newer(older, later, rule)) == (True, False)
    assert rule.version_in(later) == version


@pytest.mark.parametrize(
    ("rule", "tag", "remedy"),
    [
        (TagRule(), "2024.01.05", 'tags: {pattern: "*", order: numbers}'),
        (TagRule(), "v2024.10", 'tags: {pattern: "v*", order: numbers}'),
        (TagRule(), "1.2.3.4", 'tags: {pattern: "*", order: numbers}'),
        (TagRule(), "1.2.3", 'tags: "*"'),
        (TagRule(), "api@1.2.3", 'tags: "api@*"'),
        (TagRule(), "@acme/web@1.2.3", 'tags: "@acme/web@*"'),
        (TagRule(), "web-v0.7.1", 'tags: "web-v*"'),
        (TagRule(), "release/2024.01.1", 'tags: {pattern: "release/*", order: numbers}'),
        (TagRule(), "k8s-1.2", 'tags: {pattern: "k8s-*", order: numbers}'),
        (TagRule(), "2024-01-05", 'tags: {pattern: "*", order: published}'),
        (TagRule(), "nightly", 'tags: {pattern: "*", order: published}'),
        (BY_NUMBERS, "v1.2.3-rc.1", 'tags: "*"'),
        (TagRule("web-v*"), "web-vNext", 'tags: {pattern: "web-v*", order: published}'),
    ],
)
def test_refused_tag_names_the_key_that_accepts_it(rule: TagRule, tag: str, remedy: str) -> None:
    event = ReleaseEvent("published", "octo/shop", 1, 2, tag, draft=False, prerelease=False, published_at=NOW)
    reason = reason_to_ignore(event, a_stack(tags=rule))
    assert reason is not None
    assert f"If it is a release of this stack, write `{remedy}` in the stack file" in reason
    assert reason_to_ignore(event, a_stack(tags=rule.suited_to(tag), channel=Channel.PRERELEASE)) is None


def test_tag_of_another_component_has_no_place() -> None:
    with pytest.raises(TagInvalid, match="does not begin with web-"):
        TagRule("web-v*").check("1.2.3")


def test_release_without_a_date_has_no_place_by_date() -> None:
    with pytest.raises(TagInvalid, match="tags/order: published"):
        BY_DATE.position(DatedTag("v1.0.0"))


@pytest.mark.parametrize(
    "tag",
    [
        "",
        ".",
        "@",
        "v1.2.3 ",
        "v1.2.3\n",
        "v1.2.3-\x00",
        "--upload-pack=x",
        "-v1.2.3",
        "../x",
        "v1.2.3/../x",
        "v1;rm",
        "v1.2.3;rm",
        "v1.2.3-$(id)",
        "v1.2.3-é",
        "v1.1٣.0",
        "a//b",
        "a/.b",
        "a/",
        "a.",
        "a.lock",
        "a.lock/b",
        "a@{b",
        "a:b",
        UNKNOWN_TAG,
    ],
)
@pytest.mark.parametrize("rule", [ANY, BY_NUMBERS, BY_DATE])
def test_unsafe_name_is_refused_in_every_order(rule: TagRule, tag: str) -> None:
    with pytest.raises(TagInvalid):
        check_name(tag)
    with pytest.raises(TagInvalid):
        rule.check(tag)


@pytest.mark.parametrize(
    "tag", ["v1", "v1.2", "V1.2.3", "v1.2.3.4", "v01.2.3", "v1.2.3-", "v1.2.3-a..b", "v1.0.0-rc.01", "v1.1234567890.0"]
)
def test_tag_outside_semver_is_refused(tag: str) -> None:
    """Numbers have no leading zero: https://semver.org/#spec-item-9."""
    with pytest.raises(TagInvalid):
        ANY.check(tag)


def test_tag_above_the_length_limit_is_refused() -> None:
    longest = "v1.2.3-".ljust(MAX_TAG_LENGTH, "a")
    ANY.check(longest)
    with pytest.raises(TagInvalid) as refused:
        ANY.check(longest + "a" * 10_000)
    assert len(str(refused.value)) < 2 * MAX_TAG_LENGTH + 100


ON_A_BUSY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How long an example takes says nothing about the order of tags."""

small = st.integers(0, 12)
versions = st.builds(
    lambda core, pre: ".".join(map(str, core)) + (f"-{'.'.join(pre)}" if pre else ""),
    st.tuples(small, small, small),
    st.lists(st.sampled_from(["alpha", "rc", "1", "2", "10", "a-1"]), max_size=3),
)
numbers = st.lists(st.sampled_from(["0", "00", "1", "01", "2", "10", "2024"]), min_size=1, max_size=4).map(".".join)
words = st.text("ab12.-/@", min_size=1, max_size=8)
dates = st.integers(0, 3).map(lambda seconds: datetime(2026, 1, 1, 0, 0, seconds, tzinfo=UTC))
TAGS = {TagOrder.VERSION: versions, TagOrder.NUMBERS: numbers, TagOrder.PUBLISHED: words}


@st.composite
def rules_with_tags(draw: st.DrawFn) -> tuple[TagRule, list[DatedTag]]:
    """A rule, and three releases that have a place in its order."""
    order = draw(st.sampled_from(list(TagOrder)))
    prefix = draw(st.sampled_from(["", "web-", "api@", "release/"]))
    rule = TagRule(f"{prefix}*", order)
    fits = st.builds(lambda text, at: DatedTag(prefix + text, at), TAGS[order], dates)
    accepted = fits.filter(lambda release: rule.read(release) is not None)
    return rule, draw(st.lists(accepted, min_size=3, max_size=3, unique_by=lambda release: release.tag))


@ON_A_BUSY_MACHINE
@given(rules_with_tags())
def test_order_is_total_antisymmetric_and_transitive(given_: tuple[TagRule, list[DatedTag]]) -> None:
    rule, (a, b, c) = given_
    assert (rule.not_newer(a, b) and rule.not_newer(b, a)) == (rule.position(a) == rule.position(b))
    assert rule.not_newer(a, b) or rule.not_newer(b, a)
    assert not (rule.not_newer(a, b) and rule.not_newer(b, c)) or rule.not_newer(a, c)
    assert not (rule.is_older(a, b) and rule.is_older(b, a))


@ON_A_BUSY_MACHINE
@given(rules_with_tags(), st.randoms())
def test_order_does_not_depend_on_the_arrival(given_: tuple[TagRule, list[DatedTag]], chance: object) -> None:
    rule, releases = given_
    shuffled = list(releases)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    places = [sorted(rule.position(release) for release in each) for each in (releases, shuffled)]
    assert places[0] == places[1]


@ON_A_BUSY_MACHINE
@given(rules_with_tags())
def test_order_is_the_same_everywhere(given_: tuple[TagRule, list[DatedTag]]) -> None:
    """For a webhook, a missed release, a waiting one, a running one and a manual call."""
    rule, (new, old, _) = given_
    stack = a_stack(tags=rule, channel=Channel.PRERELEASE)
    event = ReleaseEvent(
        "published", stack.repository, 1, 2, new.tag, draft=False, prerelease=False, published_at=new.published_at
    )
    waiting = a_release(new.tag, published_at=new.published_at)
    live = LiveRelease(old.tag, sha_of(old.tag), "r-old", NOW, published_at=old.published_at)
    state = State(current=live, accepted=(waiting,))
    assert new.published_at is not None
    running = a_rollout(release=a_release(old.tag, published_at=old.published_at))
    by_rule = not rule.not_newer(new, old)
    assert by_rule == (reason_to_ignore(event, stack, old) != "not newer than the live release")
    assert by_rule == (decide(state, rule).go == waiting)
    assert by_rule == bool(missed([Published(event, new.published_at)], stack, State(current=live), []))
    assert by_rule == overtakes(waiting, running, rule)


@pytest.mark.parametrize("rule", [BY_NUMBERS, BY_DATE])
def test_waiting_release_that_lost_its_place_never_goes_live(rule: TagRule) -> None:
    """The stack file was changed after it was accepted."""
    waiting, fits = a_release("nightly"), a_release("v2.0.0")
    decision = decide(State(accepted=(waiting, fits)), TagRule())
    assert decision.go == fits
    assert [(release, "semantic version" in why) for release, why in decision.superseded] == [(waiting, True)]


def test_release_without_githubs_date_counts_from_its_acceptance() -> None:
    asked = a_release("hotfix", after=10)
    live = LiveRelease("v1", sha_of("v1"), "r-1", NOW, published_at=NOW)
    assert decide(State(current=live, accepted=(asked,)), BY_DATE).go == asked
    again = LiveRelease("v1", sha_of("v1"), "r-1", NOW, published_at=NOW + timedelta(seconds=20))
    assert decide(State(current=again, accepted=(asked,)), BY_DATE).go is None
