from dataclasses import replace

import pytest

from app.domain.acceptance.policy import ReleaseEvent, reason_to_ignore
from app.domain.stack import Channel, Policy
from app.domain.tags import DatedTag, TagRule
from tests.examples import a_stack

WANTED = ReleaseEvent("published", "octo/shop", 1, 2, "v1.1.0", draft=False, prerelease=False)


@pytest.mark.parametrize("action", ["published", "released"])
def test_published_release_is_wanted(action: str) -> None:
    assert reason_to_ignore(replace(WANTED, action=action), a_stack()) is None


def test_repository_name_ignores_case() -> None:
    assert reason_to_ignore(replace(WANTED, repository="Octo/Shop"), a_stack()) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"repository": "octo/shop2"},
            "another repository: octo/shop2, and `repository` in the stack file is octo/shop",
        ),
        *(
            ({"action": action}, "the action is not published or released")
            for action in ("created", "edited", "deleted", "unpublished", "prereleased", "Published", "")
        ),
        ({"draft": True}, "the release is a draft"),
        ({"prerelease": True}, "a prerelease, and the channel is stable"),
        *(
            (
                {"tag": tag},
                "the tag names a prerelease (a hyphen after the numbers), and the channel is stable",
            )
            for tag in ("v1.1.0-rc.1", "v1.1.0-0", "v1.1.0-alpha+build")
        ),
        (
            {"tag": "latest"},
            "the tag does not match `tags` of the stack file (v*). If it is a release of this stack, write "
            '`tags: {pattern: "*", order: published}` in the stack file',
        ),
        (
            {"tag": "--upload-pack=x"},
            "the tag does not match `tags` of the stack file (v*). The updater accepts only letters, digits and "
            "`. _ + - @ /` in a tag",
        ),
        (
            {"tag": "v1.1"},
            "v1.1 is not a semantic version such as v1.2.3, so it has no place in the order `version`. If it is a "
            'release of this stack, write `tags: {pattern: "v*", order: numbers}` in the stack file',
        ),
    ],
)
def test_other_event_is_ignored_with_its_reason(change: dict[str, object], reason: str) -> None:
    assert reason_to_ignore(replace(WANTED, **change), a_stack()) == reason  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"prerelease": True}, {"tag": "v1.1.0-rc.1"}])
def test_prerelease_channel_accepts_prereleases(change: dict[str, object]) -> None:
    event = replace(WANTED, **change)  # type: ignore[arg-type]
    assert reason_to_ignore(event, a_stack(channel=Channel.PRERELEASE)) is None


def test_build_metadata_is_no_prerelease() -> None:
    assert reason_to_ignore(replace(WANTED, tag="v1.1.0+build-7"), a_stack()) is None


@pytest.mark.parametrize(("tags", "wanted"), [("*", True), ("1.*", True), ("v*", False), ("2.*", False)])
def test_tag_pattern_selects_the_stacks_releases(tags: str, wanted: bool) -> None:
    assert (reason_to_ignore(replace(WANTED, tag="1.1.0"), a_stack(tags=TagRule(tags))) is None) is wanted


@pytest.mark.parametrize(
    ("author", "wanted"),
    [
        ("octocat", True),
        ("OctoCat", True),
        ("releases[bot]", True),
        ("mallory", False),
        ("octoca", False),
        (None, False),
    ],
)
def test_author_must_be_in_the_allowed_list(author: str | None, wanted: bool) -> None:
    stack = a_stack(policy=Policy(allowed_authors=frozenset({"octocat", "releases[bot]"})))
    reason = reason_to_ignore(replace(WANTED, author=author), stack)
    assert reason == (None if wanted else "the release's author is not in the stack file's allowed_authors")
    assert reason_to_ignore(replace(WANTED, author=author), a_stack()) is None


@pytest.mark.parametrize(("immutable", "wanted"), [(True, True), (False, False), (None, False)])
def test_policy_can_require_immutable_releases(immutable: bool | None, wanted: bool) -> None:
    event = replace(WANTED, immutable=immutable)
    reason = reason_to_ignore(event, a_stack(policy=Policy(require_immutable=True)))
    assert reason == (None if wanted else "the release is not immutable, which the stack file requires")
    assert reason_to_ignore(event, a_stack()) is None


def test_the_key_is_made_of_signed_content() -> None:
    assert WANTED.key == "1:2"


@pytest.mark.parametrize(
    ("live", "wanted"), [(None, True), ("v1.0.0", True), ("v1.1.0-rc.1", True), ("v1.1.0", False), ("v1.2.0", False)]
)
def test_release_not_newer_than_live_is_ignored(live: str | None, wanted: bool) -> None:
    reason = reason_to_ignore(WANTED, a_stack(), DatedTag(live) if live else None)
    assert reason == (None if wanted else "not newer than the live release")
