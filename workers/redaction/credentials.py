"""Secrets inside a longer value: connection strings, queries of URLs, JSON, and credentials before a host."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

from workers.redaction.names import is_secret_name

LONGEST_WITH_SPACES = 256
"""The most characters of a password that may have spaces in it, where nothing but a semicolon ends it."""

_KEY = re.compile(r"""(?<![\w.-])(?P<name>[\w.-]+)(?P<quote>["']?)[ \t]*(?P<sign>[=:])[ \t]*""")
_CREDENTIAL = re.compile(
    r"(?:PASS|PASSCODE|PASSWORD|PASSWD|PASSPHRASE|PWD|SECRET|TOKEN|CREDENTIALS?"
    r"|(?:ACCESS|ACCOUNT|API|AUTH|CLIENT|ENCRYPTION|MASTER|PRIVATE|SECRET|SIGNING)[_.-]?KEY)\d*$",
    re.IGNORECASE,
)
"""Fewer than in names of variables: `sort_key=created_at` is in many values."""

_ALSO = frozenset({"pwd", "sig"})
"""Keys that say so only inside a value: a password of ODBC, and the signature in an Azure address."""

_QUOTED = re.compile(r'"((?:[^"\\]|\\.|"")*)"|\'((?:[^\'\\]|\\.|\'\')*)\'', re.S)
_BRACED = re.compile(rf"{_QUOTED.pattern}|\{{([^}}\n]*)\}}", re.S)
"""ODBC has braces around a value: https://learn.microsoft.com/en-us/sql/connect/odbc/dsn-connection-string-attribute"""

_DOUBLED = re.compile(r"\\(.)|(\"|')\2", re.S)
_PLAIN = (
    re.compile(rf"[^;\n]{{1,{LONGEST_WITH_SPACES}}}(?=;|\n|\Z)"),
    re.compile(r"[^\s;]+"),
    re.compile(r"[^\s;&]+"),
    re.compile(r"[^\s;&,\"'`)\]}]+"),
)
"""Where a value without quotes may end: each is one reading of it."""

_BEFORE_HOST = (
    re.compile(r"(?<![^\s\"'=])(?P<user>[^\s\"'=:@/]+):(?P<password>[^\s\"']+)@(?:[a-z][\w+-]*)?\("),
    re.compile(r"\bthin:(?P<user>[^\s/@]+)/(?P<password>[^\s@]+)@"),
    re.compile(
        r"\A(?!(?:mailto|sips?|xmpp|acct):)(?P<user>[^\s\"'=:@/]+):(?!//)(?P<password>[^\s\"'@]+)@[\w.-]+(?::\d{1,5})?(?:/\S*)?\Z"
    ),
)
"""`user:password@tcp(host)` of Go's drivers, `thin:user/password@` of Oracle, and a whole value `user:password@host`.

https://github.com/go-sql-driver/mysql#dsn-data-source-name
"""


def secrets_in_value(value: str) -> Iterator[str]:
    """Yields the secrets in `value`, each in every way in which it can be read. `${NAME}` is no secret."""
    for found in _KEY.finditer(value):
        if _is_credential(found["name"]):
            quoted = (_BRACED if found["sign"] == "=" else _QUOTED).match(value, found.end())
            if found["sign"] == "=" or found["quote"] or quoted:
                yield from _readings(value, found.end(), quoted)
    for pattern in _BEFORE_HOST:
        for found in pattern.finditer(value):
            yield from (found["password"], f"{found['user']}:{found['password']}")


def _is_credential(name: str) -> bool:
    return name.lower() in _ALSO or bool(_CREDENTIAL.search(name) and is_secret_name(name))


def _readings(value: str, at: int, quoted: re.Match[str] | None) -> Iterator[str]:
    if quoted:
        inside = next(text for text in quoted.groups() if text is not None)
        yield from {inside, _DOUBLED.sub(lambda found: found[1] or found[2], inside)}
        return
    for pattern in _PLAIN:
        if (found := pattern.match(value, at)) and not found[0].startswith("${"):
            yield from {found[0].strip(), unquote(found[0])}
