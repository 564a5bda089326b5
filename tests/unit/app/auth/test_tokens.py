import base64
import hashlib
import json

import pytest
from itsdangerous import URLSafeTimedSerializer

from app.auth.scope import Scope
from app.auth.tokens import BEARER, LOGIN, MAX_TOKEN_LENGTH, SESSION, claim_of, sign_token

KEYS = [b"new", b"old"]


def scope_of(keys: list[bytes], token: str, kind: str = BEARER) -> Scope | None:
    claim = claim_of(keys, token, kind)
    return claim.scope if claim else None


def test_token_carries_its_scope() -> None:
    for scope in Scope:
        assert scope_of(KEYS, sign_token(KEYS, scope, 60)) is scope


def test_token_carries_its_name() -> None:
    for name in ("", "nightly-deploy_2.0"):
        claim = claim_of(KEYS, sign_token(KEYS, Scope.READ, 60, name=name))
        assert claim is not None
        assert claim.name == name


@pytest.mark.parametrize("name", ["a b", "a\nb", "ä", "x" * 65])
def test_a_name_is_one_short_word(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        sign_token(KEYS, Scope.READ, 60, name=name)


def test_operate_covers_read_but_not_reverse() -> None:
    assert Scope.OPERATE.covers(Scope.READ)
    assert Scope.OPERATE.covers(Scope.OPERATE)
    assert Scope.READ.covers(Scope.READ)
    assert not Scope.READ.covers(Scope.OPERATE)


def test_every_key_verifies_and_the_first_signs() -> None:
    assert scope_of(KEYS, sign_token([b"old"], Scope.READ, 60)) is Scope.READ
    assert scope_of([b"new"], sign_token(KEYS, Scope.READ, 60)) is Scope.READ
    assert scope_of([b"old"], sign_token(KEYS, Scope.READ, 60)) is None


def test_an_expired_token_allows_nothing() -> None:
    assert scope_of(KEYS, sign_token(KEYS, Scope.READ, -0.01)) is None


def test_session_and_token_are_not_exchangeable() -> None:
    assert scope_of(KEYS, sign_token(KEYS, Scope.READ, 60, SESSION)) is None
    assert scope_of(KEYS, sign_token(KEYS, Scope.READ, 60), SESSION) is None


def test_no_token_is_valid_without_a_key() -> None:
    assert scope_of([], sign_token(KEYS, Scope.READ, 60)) is None


def test_sha1_is_not_accepted() -> None:
    weak = URLSafeTimedSerializer(KEYS[::-1], salt=BEARER, signer_kwargs={"key_derivation": "hmac"})
    assert scope_of(KEYS, weak.dumps({"scope": "operate", "expires": 9e9})) is None


def changed(token: str) -> str:
    payload, _, rest = token.partition(".")
    claim = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    wider = json.dumps({**claim, "scope": "operate"}, separators=(",", ":")).encode()
    return f"{base64.urlsafe_b64encode(wider).decode().rstrip('=')}.{rest}"


def test_altered_claim_allows_nothing() -> None:
    assert scope_of(KEYS, changed(sign_token(KEYS, Scope.READ, 60))) is None


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "é", "\x00", "x" * (MAX_TOKEN_LENGTH + 1), "🙂" * 10])
def test_malformed_token_allows_nothing(token: str) -> None:
    assert scope_of(KEYS, token) is None


@pytest.mark.parametrize("claim", [{}, [], "operate", {"scope": "root", "expires": 9e9}, {"scope": "read"}])
def test_malformed_signed_claim_allows_nothing(claim: object) -> None:
    kwargs = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    signed = URLSafeTimedSerializer(KEYS[::-1], salt=BEARER, signer_kwargs=kwargs).dumps(claim)
    assert scope_of(KEYS, signed) is None


def test_login_link_is_neither_token_nor_session() -> None:
    link = sign_token(KEYS, Scope.OPERATE, 60, LOGIN, "anna", id_="once")
    claim = claim_of(KEYS, link, LOGIN)
    assert claim is not None
    assert (claim.scope, claim.name, claim.id) == (Scope.OPERATE, "anna", "once")
    assert (claim_of(KEYS, link), claim_of(KEYS, link, SESSION)) == (None, None)
    assert claim_of(KEYS, sign_token(KEYS, Scope.OPERATE, 60), LOGIN) is None


def test_earlier_version_takes_no_session_for_one_that_may_change_everything() -> None:
    without_scopes = "updater.session"
    assert claim_of(KEYS, sign_token(KEYS, Scope.READ, 60, SESSION, "id"), without_scopes) is None
    assert claim_of(KEYS, sign_token(KEYS, Scope.OPERATE, 60, without_scopes, "id"), SESSION) is None
