"""Which values are secret by the name of their variable, and which are never hidden."""

import re

SHORTEST = 8
"""Shorter values are not hidden: that would remove ordinary words from every text."""

_TELLING = re.compile(
    r"PASS|PASSCODE|PWD|PW|KEYS?|CREDS|O?AUTH|AUTHORIZATION|PRIVATE|SALT|PEPPER|COOKIES?|SESSIONS?|HOOK|JWT|HMAC"
    r"|T?OTP|PIN|SEED|MNEMONIC|BEARER|PAT"
)
"""A word of a name: KEY, but not KEYBOARD; AUTH, but not AUTHOR."""

_TELLING_PART = re.compile(
    r"SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|APIKEY|WEBHOOK|DSN"
    r"|(?<!BY)(?<!COM)(?<!OVER)(?<!UNDER)(?<!TRES)PASS$|(?:ACCESS|ACCOUNT|AUTH|DEPLOY|ENCRYPTION|MASTER|SIGNING|SSH)KEY$"
)
"""In a word of a name: DBPASSWORD, GHTOKEN, SMTPPASS, SSHKEY."""

_PROPERTIES = re.compile(
    r"FILE|PATH|DIR|DIRECTORY|NAME|USER|USERNAME|HOST|HOSTNAME|DOMAIN|PORT|TIMEOUT|TTL|EXPIRY|EXPIRES|EXPIRATION"
    r"|LIFETIME|AGE|ALG|ALGORITHM|TYPE|MODE|METHOD|DRIVER|BACKEND|PROVIDER|STORE|ENABLED|DISABLED|REQUIRED|LENGTH|SIZE"
    r"|COUNT|ROUNDS|ITERATIONS|HEADER|PREFIX|ISSUER|AUDIENCE|POLICY|SAMESITE"
)
"""Last words of a name that says something about a secret: TOKEN_TTL, PASSWORD_FILE."""

_ADDRESSES = re.compile(r"URL|URI|ENDPOINT")
"""Last words of an address, which is not secret as a whole, unless it is that of a webhook."""

_ORDINARY = re.compile(
    r"production|development|postgres|postgresql|database|localhost|anonymous|disabled|required|optional|unlimited"
    r"|internal|external|undefined|username|password",
    re.IGNORECASE,
)
_PATH = re.compile(r"/(?:app|certs?|config|data|dev|etc|home|keys|mnt|opt|proc|root|run|secrets|srv|tmp|usr|var)/\S*")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN = re.compile(r"[^A-Za-z0-9]+")


def is_secret_name(name: str) -> bool:
    """Whether the values of variables, labels and options with this name are secret: `API_KEY`, `dbPassword`."""
    words = _BETWEEN.split(_CAMEL.sub("_", name).strip("_-. ").upper())
    if words in (["PWD"], ["OLDPWD"]):  # the shell's working directory
        return False
    words = _unnumbered(words)
    if _PROPERTIES.fullmatch(words[-1]):
        return False
    if _ADDRESSES.fullmatch(words[-1]):
        return any("HOOK" in word or word == "DSN" for word in words)
    return any(_TELLING.fullmatch(word) or _TELLING_PART.search(word) for word in words)


def _unnumbered(words: list[str]) -> list[str]:
    """Without a number at the end: DB_PASS1, API_KEY_2."""
    while len(words) > 1 and words[-1].isdigit():
        words = words[:-1]
    return [*words[:-1], words[-1].rstrip("0123456789")]


def is_hidden(value: str) -> bool:
    """Whether a secret value is hidden: one that is short, an ordinary word or a path is not."""
    return len(value) >= SHORTEST and not _ORDINARY.fullmatch(value) and not _PATH.fullmatch(value)
