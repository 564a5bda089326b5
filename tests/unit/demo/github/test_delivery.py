import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from app.web.webhook.delivery import check_signature, parse_release, payload_of
from deploy.demo.github.delivery import form_encoded, release_event, signed_headers

RECORDED = json.loads((Path(__file__).parents[3] / "samples" / "github" / "release.published.json").read_text())


def event(**more: Any) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(release_event("v1.1.0", 7, **more))
    return payload


def test_event_has_the_fields_of_a_recorded_event() -> None:
    made = event()
    assert made.keys() == RECORDED.keys()
    assert made["release"].keys() == RECORDED["release"].keys()
    assert made["release"]["author"].keys() == RECORDED["release"]["author"].keys()
    assert made["sender"].keys() == RECORDED["sender"].keys()
    assert made["repository"].keys() <= RECORDED["repository"].keys()
    assert made["repository"]["owner"].keys() == RECORDED["repository"]["owner"].keys()


def test_event_carries_the_given_release() -> None:
    made = event(repository="someone/thing", repository_id=5, action="released", prerelease=True)
    assert made["action"] == "released"
    release = {name: made["release"][name] for name in ("id", "tag_name", "draft", "prerelease")}
    assert release == {"id": 7, "tag_name": "v1.1.0", "draft": False, "prerelease": True}
    repository = {name: made["repository"][name] for name in ("id", "name", "full_name")}
    assert repository == {"id": 5, "name": "thing", "full_name": "someone/thing"}
    assert made["repository"]["owner"]["login"] == "someone"


def test_event_has_the_date_of_its_release() -> None:
    given = event(published_at="2026-01-02T03:04:05Z")["release"]
    assert (given["published_at"], given["created_at"]) == ("2026-01-02T03:04:05Z",) * 2
    at = parse_release(release_event("v1.1.0", 7)).published_at
    assert at is not None
    assert timedelta(0) <= datetime.now(UTC) - at < timedelta(minutes=1)


def test_delivery_is_signed_as_github_signs() -> None:
    # https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation
    headers = signed_headers(b"Hello, World!", "It's a Secret to Everybody")
    signature = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert headers["X-Hub-Signature-256"] == f"sha256={signature}"


def test_form_has_the_event_and_is_signed_as_it_is_sent() -> None:
    sent = release_event("v1.1.0", 7)
    body = form_encoded(sent)
    assert parse_qs(body.decode())["payload"] == [sent.decode()]
    headers = signed_headers(body, "secret", form=True)
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    check_signature(body, headers["X-Hub-Signature-256"], ["secret"])
    assert parse_release(payload_of(body, headers["Content-Type"])).key == "186853002:7"


@pytest.mark.parametrize("name", ["X-GitHub-Event", "X-GitHub-Delivery", "X-GitHub-Hook-ID", "User-Agent"])
def test_delivery_has_githubs_headers(name: str) -> None:
    assert signed_headers(b"{}", "secret")[name]


def test_delivery_id_is_new_unless_resent() -> None:
    first, second = (signed_headers(b"{}", "secret", "ping")["X-GitHub-Delivery"] for _ in range(2))
    assert first != second
    again = signed_headers(b"{}", "secret", delivery=first)
    assert again["X-GitHub-Delivery"] == first
