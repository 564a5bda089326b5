import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import githubkit.webhooks
import pytest
from starlette.datastructures import Headers

from app.domain.acceptance.policy import ReleaseEvent
from app.domain.errors import DeliveryRefused
from app.web.webhook.delivery import check_signature, parse_release, payload_of
from app.web.webhook.headers import FORM, JSON, check_head, check_json, signature_in

SAMPLES = Path(__file__).parents[4] / "samples" / "github"
BODY = b"Hello, World!"

# https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation
VECTOR_SECRET = "It's a Secret to Everybody"
VECTOR = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
SIGNED = VECTOR.encode()


def refused(body: bytes, signatures: list[str], secrets: list[str]) -> int:
    with pytest.raises(DeliveryRefused) as error:
        check_signature(body, signature_in(signatures), secrets)
    return error.value.status


def signed(secret: str, body: bytes = BODY, digest: str = "sha256") -> str:
    return f"{digest}={hmac.new(secret.encode(), body, digest).hexdigest()}"


def test_githubs_documented_vector_is_accepted() -> None:
    check_signature(BODY, VECTOR, [VECTOR_SECRET])


def test_signature_of_githubkit_is_accepted() -> None:
    secret, body = "gr\u00fc\u00df dich", b'{"tag": "v1.0.0-\xc3\xa9"}'
    check_signature(body, githubkit.webhooks.sign(secret, body, "sha256"), [secret])


def test_two_secrets_can_be_valid_at_once() -> None:
    check_signature(BODY, signed("new"), ["new", "old"])
    check_signature(BODY, signed("old"), ["new", "old"])


@pytest.mark.parametrize(
    "signatures",
    [
        [],
        [""],
        ["sha256="],
        [VECTOR, VECTOR],
        [VECTOR.upper()],
        [f"sha256={VECTOR.removeprefix('sha256=').upper()}"],
        [f" {VECTOR}"],
        [f"{VECTOR}\n"],
        [f"{VECTOR}0"],
        [VECTOR[:-1]],
        [VECTOR[:-1] + "8"],
        [VECTOR[:-1] + "é"],
        [VECTOR[:-1] + "٧"],
        [signed(VECTOR_SECRET, digest="sha1")],
        [signed("another secret")],
        [signed(VECTOR_SECRET, b"Hello, World?")],
    ],
)
def test_invalid_signature_is_refused(signatures: list[str]) -> None:
    assert refused(BODY, signatures, [VECTOR_SECRET]) == 401


def form(content: bytes) -> bytes:
    return urlencode({"payload": content}).encode()


@pytest.mark.parametrize("text", ["", "ä", "a+b & c=d; e%20f", "&payload={}&"])
def test_form_has_the_same_event_as_json(text: str) -> None:
    content = delivery(text=text)
    assert payload_of(content, JSON) == payload_of(form(content), FORM) == content


def test_recorded_delivery_is_the_same_as_a_form() -> None:
    content = (SAMPLES / "release.published.json").read_bytes()
    assert parse_release(payload_of(form(content), FORM)) == parse_release(content)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"payload",
        b"Payload=%7B%7D",
        b" payload=%7B%7D",
        b"more=1&payload=%7B%7D",
        b"payload=%7B%7D&more=1",
        b"payload=%7B%7D&payload=%7B%7D",
        b'{"body": "&payload=%7B%7D&"}',
        b"payload=&",
    ],
)
def test_form_with_anything_else_is_refused(body: bytes) -> None:
    """The content type is not signed: a text in signed JSON is never taken for the payload."""
    with pytest.raises(DeliveryRefused) as error:
        payload_of(body, FORM)
    assert error.value.status == 400


def head(types: list[str]) -> Headers:
    return Headers(raw=[*((b"content-type", each.encode()) for each in types), (b"x-hub-signature-256", SIGNED)])


@pytest.mark.parametrize("kind", [JSON, FORM, "Application/X-WWW-Form-Urlencoded; charset=UTF-8"])
def test_json_and_forms_are_accepted(kind: str) -> None:
    assert check_head(head([kind]), 100) == VECTOR


@pytest.mark.parametrize(
    "types", [["multipart/form-data; boundary=x"], ["text/plain; application/json"], [JSON, FORM], []]
)
def test_other_content_type_is_refused(types: list[str]) -> None:
    with pytest.raises(DeliveryRefused) as refusal:
        check_head(head(types), 100)
    assert refusal.value.status == 415


def test_form_is_no_call_of_the_internal_listener() -> None:
    """A browser sends a form to another origin without asking."""
    with pytest.raises(DeliveryRefused):
        check_json(head([FORM]))


@pytest.mark.parametrize("secrets", [[], [""], ["", ""]])
def test_empty_secret_never_validates_a_signature(secrets: list[str]) -> None:
    assert refused(BODY, [signed("")], secrets) == 401


@pytest.mark.parametrize(
    ("sample", "action", "prerelease"),
    [("release.published.json", "published", False), ("release.prereleased.json", "prereleased", True)],
)
def test_recorded_deliveries_are_parsed(sample: str, action: str, prerelease: bool) -> None:
    assert parse_release((SAMPLES / sample).read_bytes()) == ReleaseEvent(
        action=action,
        repository="Codertocat/Hello-World",
        repository_id=186853002,
        release_id=17372790,
        tag="0.0.1",
        draft=False,
        prerelease=prerelease,
        author="Codertocat",
        published_at=datetime(2019, 5, 15, 15, 20, 53, tzinfo=UTC),
    )


def delivery(**change: Any) -> bytes:
    release = {"id": 2, "tag_name": "v1.1.0", "draft": False, "prerelease": False}
    repository = {"id": 1, "full_name": "octo/shop"}
    return json.dumps({"action": "published", "release": release, "repository": repository, **change}).encode()


def release(**change: Any) -> dict[str, Any]:
    return {"id": 2, "tag_name": "v1.1.0", "draft": False, "prerelease": False, **change}


@pytest.mark.parametrize(
    ("fields", "author", "immutable"),
    [
        ({}, None, None),
        ({"author": None, "immutable": None}, None, None),
        ({"author": {"login": "octocat", "id": 1}, "immutable": True}, "octocat", True),
        ({"author": {"login": "github-actions[bot]"}, "immutable": False}, "github-actions[bot]", False),
    ],
)
def test_author_and_immutability_are_optional(
    fields: dict[str, Any], author: str | None, immutable: bool | None
) -> None:
    event = parse_release(delivery(release=release(**fields)))
    assert (event.author, event.immutable) == (author, immutable)


@pytest.mark.parametrize(
    ("published_at", "at"),
    [
        ({}, None),
        ({"published_at": None}, None),
        ({"published_at": "2026-01-02T03:04:05Z"}, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ({"published_at": "soon"}, None),
    ],
)
def test_date_of_publication_is_optional(published_at: dict[str, Any], at: datetime | None) -> None:
    assert parse_release(delivery(release=release(**published_at))).published_at == at


def test_unknown_or_unneeded_fields_are_ignored() -> None:
    assert parse_release(delivery(something_new={"x": 1})).key == "1:2"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b"payload=%7B%7D",
        b'{"action": ',
        delivery()[:-1],
        delivery() + b"x",
        b"\xff\xfe" + delivery(),
        delivery().replace(b"octo", b"oct\xff"),
        delivery(action=None),
        delivery(action=7),
        delivery(release=None),
        delivery(release={}),
        delivery(release={"id": "2", "tag_name": "v1.1.0", "draft": False, "prerelease": False}),
        delivery(release={"id": 2, "tag_name": ["v1.1.0"], "draft": False, "prerelease": False}),
        delivery(release={"id": 2, "tag_name": "v1.1.0", "draft": "no", "prerelease": False}),
        delivery(release={"id": 2, "tag_name": "v1.1.0", "draft": False, "prerelease": 0}),
        delivery(release=release(author="octocat")),
        delivery(release=release(author={"id": 1})),
        delivery(release=release(immutable="true")),
        delivery(release=release(immutable=1)),
        delivery(repository=[]),
        delivery(repository={"id": True, "full_name": "octo/shop"}),
        delivery(repository={"id": 1}),
        delivery(action="\ud800"),
        b"[" * 100_000 + b"]" * 100_000,
        (SAMPLES / "ping.json").read_bytes(),
    ],
    ids=lambda body: repr(body[:24]),
)
def test_invalid_release_event_is_refused(body: bytes) -> None:
    with pytest.raises(DeliveryRefused) as error:
        parse_release(body)
    assert error.value.status == 400
