"""A GitHub delivery: bytes and headers in, an event or a refusal out. No I/O."""

import re
from collections.abc import Sequence

from githubkit.webhooks import verify
from pydantic import BaseModel, ConfigDict, ValidationError

from app.domain.errors import DeliveryRefused
from app.domain.policy import ReleaseEvent

# githubkit's verify accepts sha1=, and raises TypeError on a non-ASCII signature: the form is checked first.
# https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}")


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class _Repository(_Model):
    id: int
    full_name: str


class _Release(_Model):
    id: int
    tag_name: str
    draft: bool
    prerelease: bool


class _Delivery(_Model):
    """The part of the `release` event's payload that the updater relies on."""

    action: str
    release: _Release
    repository: _Repository


def check_signature(body: bytes, signatures: Sequence[str], secrets: Sequence[str]) -> None:
    """Raises DeliveryRefused (401) unless the one signature given is right under one of the `secrets`."""
    if len(signatures) != 1 or not _SIGNATURE.fullmatch(signatures[0]):
        raise DeliveryRefused("X-Hub-Signature-256 should be there once, as sha256=<64 hex digits>", status=401)
    if not any(secret and verify(secret, body, signatures[0]) for secret in secrets):
        raise DeliveryRefused("the signature is wrong under every configured secret", status=401)


def parse_release(body: bytes) -> ReleaseEvent:
    """The release event in a verified `body`. Raises DeliveryRefused (400) when it is not one."""
    try:
        delivery = _Delivery.model_validate_json(body)
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
    )
