"""Secrets that are recognized by their form: tokens of well-known services, private keys, credentials in URLs."""

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from workers.redaction.names import SHORTEST

_FORMS = {
    "$2a$": r"\d\d\$[./0-9A-Za-z]{53}",
    "$2b$": r"\d\d\$[./0-9A-Za-z]{53}",
    "$2y$": r"\d\d\$[./0-9A-Za-z]{53}",
    "$apr1$": r"[./0-9A-Za-z]{1,8}\$[./0-9A-Za-z]{22}",
    "$argon2": r"(?:id|i|d)\$[\w=,$+/-]{20,}",
    "AKIA": r"[A-Z0-9]{16}",
    "ASIA": r"[A-Z0-9]{16}",
    "AIza": r"[\w-]{35}",
    "AGE-SECRET-KEY-1": r"[0-9A-Z]{58}",
    "EAACEdEose0cBA": r"[0-9A-Za-z]+",
    "GOCSPX-": r"[\w-]{28}",
    "PMAK-": r"[0-9a-f]{24}-[0-9a-f]{34}",
    "SG.": r"[\w=-]{16,32}\.[\w=-]{16,64}",
    "dckr_pat_": r"[\w-]{20,}",
    "dop_v1_": r"[0-9a-f]{64}",
    "dp.pt.": r"[0-9A-Za-z]{40,}",
    "eyJ": r"[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "ghp_": r"[0-9A-Za-z]{20,}",
    "gho_": r"[0-9A-Za-z]{20,}",
    "ghu_": r"[0-9A-Za-z]{20,}",
    "ghs_": r"[0-9A-Za-z]{20,}",
    "ghr_": r"[0-9A-Za-z]{20,}",
    "github_pat_": r"\w{20,}",
    "glpat-": r"[\w.-]{20,}",
    "glsa_": r"[0-9A-Za-z]{32}_[0-9A-Fa-f]{8}",
    "gsk_": r"[0-9A-Za-z]{40,}",
    "hf_": r"[0-9A-Za-z]{30,}",
    "hvs.": r"[\w-]{24,}",
    "https://discord.com/api/webhooks/": r"\d+/[\w-]{20,}",
    "https://hooks.slack.com/": r"(?:services|workflows|triggers)/[\w/+-]{20,}",
    "lin_api_": r"[0-9A-Za-z]{40}",
    "npm_": r"[0-9A-Za-z]{36}",
    "pypi-": r"[\w-]{50,}",
    "rk_live_": r"[0-9A-Za-z]{10,}",
    "rk_test_": r"[0-9A-Za-z]{10,}",
    "rubygems_": r"[0-9a-f]{48}",
    "shpat_": r"[0-9A-Fa-f]{32}",
    "shpss_": r"[0-9A-Fa-f]{32}",
    "sk_live_": r"[0-9A-Za-z]{10,}",
    "sk_test_": r"[0-9A-Za-z]{10,}",
    "sk-": r"(?:ant|proj|svcacct|admin)-[\w-]{20,}",
    "sntrys_": r"[\w+/=-]{40,}",
    "tfp_": r"\w{40,}",
    "tskey-": r"[0-9A-Za-z-]{16,}",
    "whsec_": r"[0-9A-Za-z+/]{16,}={0,2}",
    "xapp-": r"\d-[0-9A-Za-z-]{16,}",
    "xox": r"[abeoprs](?:\.xox[abp])?-[0-9A-Za-z-]{10,}",
}
"""The beginning of each token and the rest of it. Those with `$` are hashes of passwords. The others are from the rules
of gitleaks: https://github.com/gitleaks/gitleaks/blob/master/config/gitleaks.toml"""

_TOKEN = re.compile("|".join(rf"{re.escape(beginning)}{rest}" for beginning, rest in _FORMS.items()))
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----", re.DOTALL
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>`]+")
_USER_AND_PASSWORD = re.compile(r"(?<=://)[^\s\"'<>`/?#@:]*:[^\s\"'<>`/?#@]+(?=@)")
_OF_GO = re.compile(r"(?<![^\s\"'<>`=])[^\s\"'<>`=/@:]+:[^\s\"'<>`]+(?=@(?:tcp|unix)\()")


def secrets_by_form(text: str) -> Iterator[str]:
    """Yields the tokens, the private keys and the credentials of URLs in `text`."""
    yield from tokens_in(text)
    for key in _PRIVATE_KEY.findall(text):
        yield from {key, key.replace("\\n", "\n")}
    for url in _URL.findall(text):
        yield from secrets_in_url(url)


def tokens_in(text: str) -> Iterator[str]:
    """Yields the tokens of well-known services in `text`."""
    if any(beginning in text for beginning in _FORMS):
        yield from (found[0] for found in _TOKEN.finditer(text))


def secrets_in_url(url: str) -> Iterator[str]:
    """Yields the password in `url` and `user:password`, or an https user name without one, which is a token.

    Each as written, and percent-decoded.
    """
    try:
        parts = urlsplit(url)
        user, password = parts.username or "", parts.password
    except ValueError:
        return
    alone = user if parts.scheme == "https" and password is None else None
    for secret in (password, f"{user}:{password}" if password else None, alone):
        if secret and len(secret) >= SHORTEST:
            yield from {secret, unquote(secret)}


def without_forms(text: str, hidden: str) -> str:
    """`text` with each token, and each `user:password` in a URL or before `@tcp(`, replaced by `hidden`."""
    if "://" in text and "@" in text:
        text = _USER_AND_PASSWORD.sub(hidden, text)
    if "@tcp(" in text or "@unix(" in text:
        text = _OF_GO.sub(hidden, text)
    if any(beginning in text for beginning in _FORMS):
        text = _TOKEN.sub(hidden, text)
    return text
