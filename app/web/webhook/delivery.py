"""Parses a GitHub delivery: bytes and headers in, an event or a refusal out. No I/O."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import unquote_to_bytes

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.api.model import time_in
from app.domain.acceptance.policy import ReleaseEvent
from app.domain.errors import DeliveryRefused
from app.web.webhook.headers import FORM

LARGEST_ID = 2**53
"""The largest integer that JSON and Redis both store exactly; GitHub's ids are far smaller."""

_FIELD = b"payload="

Id = Annotated[int, Field(gt=0, le=LARGEST_ID)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, defer_build=True)


class _EventRepository(_Model):
    id: Id
    full_name: str


class _EventAuthor(_Model):
    login: str


class _EventRelease(_Model):
    id: Id
    tag_name: str
    draft: bool
    prerelease: bool
    author: _EventAuthor | None = None
    immutable: bool | None = None
    published_at: str | None = None


class _Event(_Model):
    """The part of the `release` event's payload that the updater relies on."""

    action: str
    release: _EventRelease
    repository: _EventRepository


def check_signature(body: bytes, signature: str, secrets: Sequence[str], *, hint: str = "") -> None:
    """`signature`: from `check_head`. Raises DeliveryRefused (401) unless it matches one of the `secrets`.

    `hint`: what the sender may have to change, in words.
    """
    if not any(secret and hmac.compare_digest(_signed(secret, body), signature) for secret in secrets):
        raise DeliveryRefused(f"the signature matches no configured secret{hint}", status=401)


def _signed(secret: str, body: bytes) -> str:
    """GitHub's signature of `body`. githubkit has the same function, but its import doubles the start of web.

    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    """
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def payload_of(body: bytes, content_type: str) -> bytes:
    """The JSON in a verified `body`. Raises DeliveryRefused (400) if a form is not exactly `payload=…`.

    The content type is not signed. A text inside signed JSON must not be taken for a form's field, so nothing may stand
    before or after the one field that GitHub sends.
    """
    if content_type != FORM:
        return body
    if not body.startswith(_FIELD) or b"&" in body:
        raise DeliveryRefused("the form should have the one field payload", status=400)
    return unquote_to_bytes(body.removeprefix(_FIELD).replace(b"+", b" "))


def parse_release(body: bytes) -> ReleaseEvent:
    """The release event in a verified `body`. Raises DeliveryRefused (400) if it is invalid."""
    try:
        delivery = _Event.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = "/".join(map(str, first["loc"])) or "body"
        raise DeliveryRefused(f"{where}: {first['msg']}", status=400) from None
    return ReleaseEvent(
        action=delivery.action,
        repository=delivery.repository.full_name,
        repository_id=delivery.repository.id,
        release_id=delivery.release.id,
        tag=delivery.release.tag_name,
        draft=delivery.release.draft,
        prerelease=delivery.release.prerelease,
        author=delivery.release.author.login if delivery.release.author else None,
        immutable=delivery.release.immutable,
        published_at=time_in(delivery.release.published_at),
    )
