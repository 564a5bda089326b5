"""Signed tokens with a scope and an expiry. Pure functions: keys in, text out.

https://itsdangerous.palletsprojects.com/en/stable/timed/
"""

import hashlib
import time
from collections.abc import Sequence
from enum import StrEnum

from itsdangerous import BadData, URLSafeTimedSerializer
from pydantic import BaseModel, ConfigDict, ValidationError

MAX_TOKEN_LENGTH = 1_024
BEARER = "updater.token"
SESSION = "updater.session"
"""The salt of each kind, so that a session cookie is not valid as a token, nor a token as a cookie."""


class Scope(StrEnum):
    """What a caller may do: read, or also change something."""

    READ = "read"
    OPERATE = "operate"

    def covers(self, needed: "Scope") -> bool:
        return self is Scope.OPERATE or self is needed


class _Claim(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)

    scope: Scope
    expires: float


def sign_token(keys: Sequence[bytes], scope: Scope, ttl_seconds: float, kind: str = BEARER) -> str:
    """A token signed with the first of `keys`."""
    claim = {"scope": scope.value, "expires": round(time.time() + ttl_seconds, 3)}
    return str(_serializer(keys, kind).dumps(claim))


def scope_of(keys: Sequence[bytes], token: str, kind: str = BEARER) -> Scope | None:
    """The scope of `token`; None if no key signed it, it has expired, or it is of another kind."""
    if not keys or not token.isascii() or len(token) > MAX_TOKEN_LENGTH:
        return None
    try:
        claim = _Claim.model_validate(_serializer(keys, kind).loads(token))
    except (BadData, ValidationError):
        return None
    return claim.scope if claim.expires > time.time() else None


def _serializer(keys: Sequence[bytes], kind: str) -> URLSafeTimedSerializer:
    """The serializer for `keys`. itsdangerous signs with the last key and verifies with all of them."""
    return URLSafeTimedSerializer(
        list(reversed(keys)),
        salt=kind,
        signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
    )
