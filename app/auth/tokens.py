"""Signed tokens with a scope and an expiry. Pure functions: keys in, text out.

https://itsdangerous.palletsprojects.com/en/stable/timed/
"""

import hashlib
import time
from collections.abc import Sequence
from typing import Annotated

from itsdangerous import BadData, URLSafeTimedSerializer
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from app.auth.scope import NAME_PATTERN, Scope

MAX_TOKEN_LENGTH = 1_024
BEARER = "updater.token"
SESSION = "updater.session.scoped"
LOGIN = "updater.login"
"""The salt of each kind, so that a session cookie is not valid as a token, nor a token as a cookie or a login link.

That of a session is another one than before sessions had a scope: an earlier version lets every session of its own
change everything, also one that is read only here.
"""


class Claim(BaseModel):
    """The content of a token. `name`: of a bearer token or a login link, what its creator called it; of a session, its
    id. `id`: of a login link, by which it is recognized when it was used.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, defer_build=True)

    scope: Scope
    expires: float
    name: Annotated[str, StringConstraints(pattern=NAME_PATTERN)] = ""
    id: Annotated[str, StringConstraints(pattern=NAME_PATTERN)] = ""


def sign_token(
    keys: Sequence[bytes], scope: Scope, ttl_seconds: float, kind: str = BEARER, name: str = "", *, id_: str = ""
) -> str:
    """A token signed with the first of `keys`. Raises ValueError if `name` does not fit NAME_PATTERN."""
    claim = Claim(scope=scope, expires=round(time.time() + ttl_seconds, 3), name=name, id=id_)
    return str(_serializer(keys, kind).dumps(claim.model_dump(mode="json", exclude_defaults=True)))


def claim_of(keys: Sequence[bytes], token: str, kind: str = BEARER) -> Claim | None:
    """The claim of `token`; None if no key signed it, it has expired, or it is of another kind."""
    if not keys or not token.isascii() or len(token) > MAX_TOKEN_LENGTH:
        return None
    try:
        claim = Claim.model_validate(_serializer(keys, kind).loads(token))
    except (BadData, ValidationError):
        return None
    return claim if claim.expires > time.time() else None


def _serializer(keys: Sequence[bytes], kind: str) -> URLSafeTimedSerializer:
    """The serializer for `keys`. itsdangerous signs with the last key and verifies with all of them."""
    return URLSafeTimedSerializer(
        list(reversed(keys)),
        salt=kind,
        signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
    )
