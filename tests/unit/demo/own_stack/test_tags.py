import pytest

from deploy.demo.own_stack.refusal import NotPlayable
from deploy.demo.own_stack.tags import Tags, chosen
from tests.unit.demo.own_stack.stacks import stack

TAGS = ["v1.10.0", "v1.2.0", "v1.9.0", "nightly", "v2.0.0-rc.1"]


def test_newest_wanted_tag_follows_the_next_older_one() -> None:
    assert chosen(TAGS, stack(), None) == Tags("v1.9.0", "v1.10.0")


def test_asked_tag_follows_the_next_older_one() -> None:
    assert chosen(TAGS, stack(), "v1.9.0") == Tags("v1.2.0", "v1.9.0")


def test_prerelease_counts_in_its_channel() -> None:
    assert chosen(TAGS, stack(channel="prerelease"), None) == Tags("v1.10.0", "v2.0.0-rc.1")


def test_policy_does_not_hide_a_tag() -> None:
    assert chosen(TAGS, stack(policy={"allowed_authors": ["octo"]}), None) == Tags("v1.9.0", "v1.10.0")


@pytest.mark.parametrize(
    ("tag", "following"), [("v1.2.9", "v1.2.10"), ("v1.2.0-rc.1", "v1.2.0-rc.2"), ("v1.2.0-rc", "v1.2.1-rc")]
)
def test_only_tag_is_played_twice(tag: str, following: str) -> None:
    assert chosen([tag], stack(channel="prerelease"), None) == Tags(tag, following, made=True)


def test_oldest_tag_is_played_twice_if_asked_for() -> None:
    assert chosen(TAGS, stack(), "v1.2.0") == Tags("v1.2.0", "v1.2.1", made=True)


@pytest.mark.parametrize(
    ("tags", "asked", "says"),
    [
        ([], None, "It has no tag. Tag a commit"),
        (["nightly"], None, "It has nightly. Tag a commit"),
        (TAGS, "v3.0.0", "no tag v3.0.0"),
        (TAGS, "nightly", "does not match `tags`"),
        (TAGS, "v2.0.0-rc.1", "the channel is stable"),
    ],
)
def test_missing_tag_is_refused_with_what_to_do(tags: list[str], asked: str | None, says: str) -> None:
    with pytest.raises(NotPlayable, match=says):
        chosen(tags, stack(), asked)


def test_only_tag_without_a_next_one_is_refused() -> None:
    with pytest.raises(NotPlayable, match="Tag an older or a newer commit"):
        chosen(["v1.2.3"], stack(tags="v1.2.3"), None)
