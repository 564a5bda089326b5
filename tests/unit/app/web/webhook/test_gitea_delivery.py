"""Deliveries of Gitea and Forgejo are read as GitHub's are, and what they do differently is named."""

import hmac
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest
from starlette.datastructures import Headers

from app.domain.acceptance.policy import ReleaseEvent, reason_to_ignore
from app.domain.errors import DeliveryRefused
from app.web.webhook.delivery import check_signature, parse_release, payload_of
from app.web.webhook.headers import FORM, JSON, check_head, hint_of, type_in
from tests.examples import a_stack

SAMPLES = Path(__file__).parents[4] / "samples" / "gitea"
PUBLISHED = (SAMPLES / "release.published.json").read_bytes()
SECRET = "a secret of the tests"
CAP = 4 * 1024 * 1024
FAMILIES = {"gitea": ("Gitea", "Gogs"), "forgejo": ("Forgejo", "Gitea", "Gogs")}


def signed(payload: bytes, digest: str, secret: str) -> str:
    return hmac.new(secret.encode(), payload, digest).hexdigest() if secret else ""


def headers_of(family: str, payload: bytes, *, kind: str = JSON, secret: str = SECRET) -> Headers:
    """All headers that the server sends: see `tests/samples/gitea/README.md`."""
    found = {"Content-Type": kind}
    for name in FAMILIES[family]:
        found[f"X-{name}-Delivery"] = "b7e2d5c8-0000-4000-8000-000000000001"
        found[f"X-{name}-Event"] = found[f"X-{name}-Event-Type"] = "release"
        found[f"X-{name}-Signature"] = signed(payload, "sha256", secret)
    found["X-Hub-Signature"] = f"sha1={signed(payload, 'sha1', secret)}"
    found["X-Hub-Signature-256"] = f"sha256={signed(payload, 'sha256', secret)}"
    found["X-GitHub-Delivery"] = "b7e2d5c8-0000-4000-8000-000000000001"
    found["X-GitHub-Event"] = found["X-GitHub-Event-Type"] = "release"
    return Headers(found)


def received(body: bytes, headers: Headers) -> ReleaseEvent:
    """What the receiver does with a delivery."""
    check_signature(body, check_head(headers, CAP), [SECRET], hint=hint_of(headers))
    return parse_release(payload_of(body, type_in(headers)))


@pytest.mark.parametrize("family", FAMILIES)
def test_published_release_is_accepted(family: str) -> None:
    event = received(PUBLISHED, headers_of(family, PUBLISHED))
    assert (event.key, event.tag, event.repository, event.author) == ("12:345", "v1.1.0", "octo/shop", "octo")
    assert event.published_at == datetime(2025, 6, 1, 9, tzinfo=UTC)
    assert reason_to_ignore(event, a_stack()) is None


@pytest.mark.parametrize("action", ["updated", "deleted"])
def test_other_actions_are_no_new_release(action: str) -> None:
    body = (SAMPLES / f"release.{action}.json").read_bytes()
    event = received(body, headers_of("forgejo", body))
    assert (event.action, reason_to_ignore(event, a_stack()) is None) == (action, False)


@pytest.mark.parametrize("family", FAMILIES)
def test_form_is_refused_with_what_to_choose(family: str) -> None:
    """They sign the payload and not the form, so a signature of the body cannot match."""
    body = urlencode({"payload": PUBLISHED}).encode()
    with pytest.raises(DeliveryRefused, match="choose application/json") as error:
        received(body, headers_of(family, PUBLISHED, kind=FORM))
    assert error.value.status == 401


@pytest.mark.parametrize("family", FAMILIES)
def test_wrong_secret_has_no_hint_about_forms(family: str) -> None:
    with pytest.raises(DeliveryRefused) as error:
        received(PUBLISHED, headers_of(family, PUBLISHED, secret="another"))
    assert (error.value.status, "application/json" in error.value.detail) == (401, False)


def test_form_of_github_has_no_hint() -> None:
    assert hint_of(Headers({"Content-Type": FORM, "X-GitHub-Event": "release"})) == ""


@pytest.mark.parametrize("family", FAMILIES)
def test_webhook_without_a_secret_is_named(family: str) -> None:
    with pytest.raises(DeliveryRefused, match="the webhook has no secret") as error:
        received(PUBLISHED, headers_of(family, PUBLISHED, secret=""))
    assert error.value.status == 401
