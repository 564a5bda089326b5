"""Checks a delivery's headers before its body is read. Pure: headers in, a signature or a refusal out."""

import re

from starlette.datastructures import Headers

from app.domain.errors import DeliveryRefused

LONGEST_NUMBER = 15

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
"""GitHub's content types: https://docs.github.com/en/webhooks/using-webhooks/creating-webhooks#creating-webhooks"""

# The form is checked first because hmac.compare_digest raises TypeError on a text that is not ASCII.
# https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
_UNSIGNED = "sha256="
"""What Gitea and Forgejo send for a webhook without a secret."""
_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}")


def check_head(headers: Headers, cap: int) -> str:
    """The signature to check the body against. Raises DeliveryRefused (415, 400, 413, 401)."""
    check_type(headers, JSON, FORM)
    check_length(headers, cap)
    return signature_in(headers.getlist("x-hub-signature-256"))


def check_json(headers: Headers) -> None:
    """Raises DeliveryRefused (415) unless the content type is JSON and the body is not encoded."""
    check_type(headers, JSON)


def check_type(headers: Headers, *accepted: str) -> None:
    """Raises DeliveryRefused (415) unless the content type is `accepted` and the body is not encoded."""
    if type_in(headers) not in accepted:
        raise DeliveryRefused(f"the content type should be {' or '.join(accepted)}", status=415)
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise DeliveryRefused("the body should not be encoded", status=415)


def type_in(headers: Headers) -> str:
    """The content type without its parameters; empty if there is not exactly one."""
    types = headers.getlist("content-type")
    return types[0].partition(";")[0].strip().lower() if len(types) == 1 else ""


def check_length(headers: Headers, cap: int) -> None:
    """Raises DeliveryRefused: 400 for an invalid length, 413 for one over `cap` bytes.

    A body without a length is allowed: cloudflared sends chunks, and the cap applies while they are read.
    """
    lengths = set(headers.getlist("content-length"))
    if any(not (length.isascii() and length.isdigit()) for length in lengths) or len(lengths) > 1:
        raise DeliveryRefused("the content length should be one number", status=400)
    if any(len(length) > LONGEST_NUMBER or int(length) > cap for length in lengths):
        raise too_large(cap)


def too_large(cap: int) -> DeliveryRefused:
    return DeliveryRefused(f"the body is larger than {cap} bytes", status=413)


def hint_of(headers: Headers) -> str:
    """What may be wrong with the signature of a form: Gitea and Forgejo sign the payload in it, and GitHub the form.

    https://github.com/go-gitea/gitea/blob/main/services/webhook/deliver.go (`addDefaultHeaders`)
    """
    if type_in(headers) == FORM and ("x-gitea-event" in headers or "x-forgejo-event" in headers):
        return (
            ". Gitea and Forgejo do not sign a form as GitHub does: choose application/json in the webhook's settings"
        )
    return ""


def signature_in(signatures: list[str]) -> str:
    """The one signature given. Raises DeliveryRefused (401)."""
    if signatures == [_UNSIGNED]:
        raise DeliveryRefused(
            "the webhook has no secret: write the value of GITHUB_WEBHOOK_SECRET into its settings", status=401
        )
    if len(signatures) != 1 or not _SIGNATURE.fullmatch(signatures[0]):
        raise DeliveryRefused("X-Hub-Signature-256 should occur once, as sha256=<64 hex digits>", status=401)
    return signatures[0]
