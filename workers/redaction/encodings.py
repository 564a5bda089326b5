"""The forms in which a secret may be printed: escaped, quoted, percent-encoded, in base64."""

import html
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from workers.redaction.names import SHORTEST, is_hidden

URL_SAFE = str.maketrans("+/", "-_")
WIDTHS = (76, 64)
"""The line lengths of base64 in MIME, which `base64` prints, and in PEM, which `openssl` prints."""

DOUBLE, SINGLE = ("&quot;", "&#34;"), ("&#x27;", "&#39;", "&#039;")
"""How libraries write quotes in HTML."""

_GO_AND_BROWSERS = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
_SHELL = re.compile(r"([^\w@%+=:,./-])", re.ASCII)


def forms(secret: str) -> set[str]:
    """Every form of `secret`, and of each of its lines, that has at least SHORTEST characters.

    A `\\n` in it may be a line end for the program that gets it.
    """
    lines = [line.strip() for line in secret.replace("\\n", "\n").splitlines()]
    texts = {secret, *filter(is_hidden, lines)}
    found = {form for text in texts for form in _escaped(text)} | set(_in_base64(secret.encode("utf-8", "replace")))
    return {form for form in found if len(form) >= SHORTEST}


def undoubled(text: str) -> str:
    """A text of a resolved Compose model, in which Compose writes each `$` twice."""
    return text.replace("$$", "$")


def _escaped(text: str) -> Iterator[str]:
    yield text
    yield from (quote(text), quote(text, safe=""), quote_plus(text), quote(text, safe="!'()*"))
    in_json = json.dumps(text)[1:-1]
    yield from (in_json, json.dumps(text, ensure_ascii=False)[1:-1], in_json.replace("/", "\\/"))
    yield "".join(_GO_AND_BROWSERS.get(character, character) for character in in_json)
    yield repr(text)[1:-1]
    yield from (text.replace("'", "'\"'\"'"), text.replace("'", "'\\''"), _SHELL.sub(r"\\\1", text))
    in_html = html.escape(text, quote=False)
    yield in_html
    yield from (in_html.replace('"', double).replace("'", single) for double in DOUBLE for single in SINGLE)
    yield text.replace("$", "$$")


def _in_base64(data: bytes) -> Iterator[str]:
    """Yields base64 of `data` alone and as a part of something longer, as in `user:password`; in both alphabets.

    As a part, it has one of three forms, by the number of bytes before it. Each lacks the characters that depend on
    the bytes around it.
    """
    whole = b64encode(data).decode()
    found = [whole, whole.rstrip("=")]
    for before in range(3):
        coded = b64encode(b"\0" * before + data).decode()
        found.append(coded[-(-8 * before // 6) : 8 * (before + len(data)) // 6])
    found += [whole[at : at + width] for width in WIDTHS if len(whole) > width for at in range(0, len(whole), width)]
    for text in found:
        yield from (text, text.translate(URL_SAFE))
