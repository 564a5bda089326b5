import itertools

import pytest

from app.domain.errors import TagInvalid
from app.domain.release import MAX_TAG_LENGTH, Version

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


@pytest.mark.parametrize(("older", "newer"), list(itertools.combinations(CHAIN, 2)))
def test_tags_follow_semver_order(older: str, newer: str) -> None:
    assert Version.of(older) < Version.of(f"v{newer}")
    assert not Version.of(newer) <= Version.of(older)


def test_leading_v_and_build_part_are_ignored() -> None:
    assert Version.of("v1.2.3") == Version.of("1.2.3") == Version.of("1.2.3+build.7")


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "v1",
        "v1.2",
        "V1.2.3",
        "v1.2.3.4",
        "v01.2.3",
        "v1.2.3-",
        "v1.2.3-a..b",
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
        "refs/tags/v1.2.3",
        "v1.2.3-é",
        "v1.1234567890.0",
    ],
)
def test_a_tag_that_is_not_a_version_is_refused(tag: str) -> None:
    with pytest.raises(TagInvalid):
        Version.of(tag)


@pytest.mark.parametrize("tag", ["v1.1٣.0", "v1.0.0-rc.01"])
def test_tag_outside_semver_is_refused(tag: str) -> None:
    """Digits are ASCII, and numbers have no leading zero: https://semver.org/#spec-item-9."""
    with pytest.raises(TagInvalid):
        Version.of(tag)


def test_tag_above_the_length_limit_is_refused() -> None:
    longest = "v1.2.3-".ljust(MAX_TAG_LENGTH, "a")
    assert Version.of(longest).pre == ("a" * (MAX_TAG_LENGTH - 7),)
    with pytest.raises(TagInvalid) as refused:
        Version.of(longest + "a" * 10_000)
    assert len(str(refused.value)) < 2 * MAX_TAG_LENGTH + 100
