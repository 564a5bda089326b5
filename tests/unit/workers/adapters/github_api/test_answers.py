from typing import Any

import pytest

from workers.adapters.github_api.answers import _Release, _Repository

REPOSITORY = _Repository(id=1, full_name="octo/shop")


@pytest.mark.parametrize(
    ("fields", "author", "immutable"),
    [
        ({}, None, None),
        ({"author": None, "immutable": None}, None, None),
        ({"author": {"login": "octocat", "id": 1}, "immutable": True}, "octocat", True),
    ],
)
def test_missed_release_carries_its_policy_fields(
    fields: dict[str, Any], author: str | None, immutable: bool | None
) -> None:
    listed = {
        "id": 2,
        "tag_name": "v1.1.0",
        "draft": False,
        "prerelease": False,
        "published_at": "2026-01-02T03:04:05Z",
    }
    event = _Release.model_validate(listed | fields).published(REPOSITORY).event
    assert (event.key, event.tag, event.author, event.immutable) == ("1:2", "v1.1.0", author, immutable)
