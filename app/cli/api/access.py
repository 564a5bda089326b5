"""The updater's URL, and the secret or token that is sent to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from app.cli.errors import NotAllowed, WrongUse

DEFAULT_URL = "http://127.0.0.1:9090"
DEFAULT_SECRET_PATH = "/app/data/.updater-secret"  # noqa: S105 - where it is, not what it is


@dataclass(frozen=True)
class Access:
    """The internal listener's URL and the header that opens it, which is never shown."""

    url: str
    headers: Mapping[str, bytes] = field(repr=False)


def updater_url(environ: Mapping[str, str]) -> str:
    """UPDATER_URL. Raises WrongUse."""
    url = (environ.get("UPDATER_URL") or DEFAULT_URL).rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and parts.username is None
    except ValueError:  # a port that is no number
        usable = False
    if not usable:
        raise WrongUse("UPDATER_URL is not the address of a listener.", f"Set it to one like {DEFAULT_URL}.")
    return url


def secret_path(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("UPDATER_SECRET_PATH") or DEFAULT_SECRET_PATH)


def access(environ: Mapping[str, str]) -> Access:
    """The URL, and UPDATER_TOKEN where it is set, else the secret's file. Raises WrongUse, NotAllowed."""
    url = updater_url(environ)
    if token := environ.get("UPDATER_TOKEN", "").strip():
        return Access(url, {"Authorization": b"Bearer " + token.encode()})
    return Access(url, {"X-Updater-Secret": first_secret(secret_path(environ))})


def first_secret(path: Path) -> bytes:
    """The first line of the secret's file. Raises NotAllowed."""
    todo = (
        "Name the web process's file in UPDATER_SECRET_PATH and run this as a user who may read it, "
        "or set UPDATER_TOKEN to what `updater token` prints there."
    )
    try:
        lines = [line.strip() for line in path.read_bytes().splitlines()]
    except OSError as error:
        raise NotAllowed(f"The secret's file {path} cannot be read ({error.strerror}).", todo) from error
    secret = next((line for line in lines if line), None)
    if secret is None:
        raise NotAllowed(f"The secret's file {path} is empty.", todo)
    return secret
