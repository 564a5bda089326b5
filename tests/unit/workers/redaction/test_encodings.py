import base64
import html
import json
import shlex
from urllib.parse import quote, quote_plus

import pytest

from workers.redaction.encodings import forms

SECRET = "p@ss/w+rd 'q' \"d\" <$x>&é"
CODED = base64.b64encode(SECRET.encode()).decode()


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        repr(SECRET)[1:-1],
        shlex.quote(SECRET)[1:-1],
        html.escape(SECRET),
        html.escape(SECRET).replace("&#x27;", "&#39;"),
        html.escape(SECRET).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
        SECRET.replace("$", "$$"),
        CODED,
        CODED.rstrip("="),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_secret_has_the_form(form: str) -> None:
    assert form in forms(SECRET)


@pytest.mark.parametrize("user", ["", "u", "us", "use", "user", "user1"])
def test_authorization_header_of_any_user_is_covered(user: str) -> None:
    """All but up to 4 bits of the first and of the last character, which share a digit with what is around them."""
    header = base64.b64encode(f"{user}:hunter-22-secret".encode()).decode()
    longest = max((form for form in forms("hunter-22-secret") if form in header), key=len)
    hidden = base64.b64decode(header.replace(longest, "A" * len(longest)) + "==")
    assert hidden.count(b"\0") >= len("hunter-22-secret") - 2


def test_each_line_of_a_secret_is_a_form() -> None:
    lines = ["-----BEGIN PRIVATE KEY-----", "MIIEvQ/BADANBg", "short"]
    found = forms("\n".join(lines))
    assert {lines[0], lines[1], "MIIEvQ%2FBADANBg", "\\n".join(lines)} <= found
    assert "short" not in found
    assert {lines[0], lines[1]} <= forms("\\n".join(lines))


@pytest.mark.parametrize("width", [76, 64])
def test_base64_in_lines_is_covered(width: int) -> None:
    secret = "".join(map(str, range(80)))
    coded = base64.b64encode(secret.encode()).decode()
    assert {coded[at : at + width] for at in range(0, len(coded) - width, width)} <= forms(secret)


def test_plain_token_has_few_forms() -> None:
    assert len(forms("abcdefgh-1234-ABCD")) <= 6
