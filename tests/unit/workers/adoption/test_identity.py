"""Which release ran before the updater did."""

from dataclasses import replace

import pytest

from app.domain.tags import UNKNOWN_TAG, TagRule
from workers.adoption.identity import Claim, identify

SHA, OTHER = "a" * 40, "b" * 40
IMAGES = ["sha256:1", "sha256:2"]
CLONE = Claim("the clone", SHA, ("v1.2.0",))


@pytest.mark.parametrize(
    ("claims", "tag", "sha"),
    [
        ([CLONE], "v1.2.0", SHA),
        ([Claim("the state file", SHA, ("v1.2.0", "latest")), CLONE], "v1.2.0", SHA),
        ([Claim("the state file", None, ("v1.2.0",)), CLONE], "v1.2.0", SHA),
        ([Claim("the clone", SHA, ("stable", "v1.9.0", "v1.10.0"))], "v1.10.0", SHA),
        ([Claim("the clone", SHA)], UNKNOWN_TAG, SHA),
    ],
)
def test_agreeing_claims_name_the_release(claims: list[Claim], tag: str, sha: str) -> None:
    found = identify(claims, IMAGES, TagRule())
    assert (found.tag, found.sha) == (tag, sha)


@pytest.mark.parametrize(
    "claims",
    [
        [CLONE, Claim("the state file", OTHER, ("v1.1.0",))],
        [CLONE, Claim("the state file", None, ("v1.1.0",))],
        [Claim("the label", None, ("v1.0.0",)), Claim("the state file", None, ("v1.1.0",))],
    ],
)
def test_contradicting_claims_are_rejected(claims: list[Claim]) -> None:
    found = identify(claims, IMAGES, TagRule())
    assert (found.tag, found.sha in {SHA, OTHER}) == (UNKNOWN_TAG, False)
    assert all(claim.source in found.how and claim.said in found.how for claim in claims)


def test_doubtful_claim_needs_another_claim() -> None:
    doubtful = Claim("the clone", SHA, ("v1.2.0",), doubt="it moved since")
    found = identify([doubtful], IMAGES, TagRule())
    assert (found.tag, found.how) == (UNKNOWN_TAG, "the clone says v1.2.0 aaaaaaaaaaaa, but it moved since")
    assert found.sha != SHA
    assert identify([Claim("the state file", None, ("v1.2.0",)), doubtful], IMAGES, TagRule()).tag == "v1.2.0"


def test_doubtful_claim_contradicts_no_other() -> None:
    """A release was checked out and failed: HEAD is not what runs."""
    doubtful = Claim("the clone", OTHER, ("v1.1.0",), doubt="it moved since")
    found = identify([Claim("the state file", SHA, ("v1.0.0",)), doubtful], IMAGES, TagRule())
    assert (found.tag, found.sha) == ("v1.0.0", SHA)
    assert found.how == "according to the state file; the clone says v1.1.0 bbbbbbbbbbbb, but it moved since"
    only_tag = identify([Claim("the state file", None, ("v1.0.0",)), doubtful], IMAGES, TagRule())
    assert (only_tag.tag, only_tag.sha == OTHER) == ("v1.0.0", False)


def test_doubtful_claims_that_disagree_are_unknown() -> None:
    doubtful = [Claim("the file", SHA, ("v1.0.0",), doubt="it is old"), Claim("the clone", OTHER, doubt="it moved")]
    found = identify(doubtful, IMAGES, TagRule())
    assert (found.tag, found.sha in {SHA, OTHER}) == (UNKNOWN_TAG, False)
    assert found.how == "the file says v1.0.0 aaaaaaaaaaaa, but it is old; the clone says bbbbbbbbbbbb, but it moved"
    assert identify([replace(doubtful[0], sha=OTHER), doubtful[1]], IMAGES, TagRule()).tag == UNKNOWN_TAG
    assert identify([doubtful[0], replace(doubtful[1], sha=SHA, tags=("v1.0.0",))], IMAGES, TagRule()).tag == "v1.0.0"


def test_other_claims_still_contradict_each_other() -> None:
    doubtful = Claim("the clone", OTHER, ("v1.1.0",), doubt="it moved since")
    two = [Claim("the state file", SHA, ("v1.0.0",)), Claim("the label", "c" * 40, ("v1.2.0",))]
    assert identify([*two, doubtful], IMAGES, TagRule()).tag == UNKNOWN_TAG


def test_images_identify_a_tag_without_commit() -> None:
    found = identify([Claim("the state file", None, ("v1.1.0",))], IMAGES, TagRule())
    assert (found.tag, len(found.sha)) == ("v1.1.0", 40)


def test_image_identity_ignores_the_order() -> None:
    assert identify([], IMAGES, TagRule()) == identify([], IMAGES[::-1], TagRule())
    assert identify([], IMAGES, TagRule()).sha != identify([], IMAGES[:1], TagRule()).sha
