"""The updater's URL, and the secret or token for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from app.cli.errors import NotAllowed, WrongUse
from app.config.urls import is_loopback

DEFAULT_URL = "http://127.0.0.1:9090"
DEFAULT_SECRET_PATH = "/app/data/.updater-secret"  # noqa: S105 - a path, not a secret


@dataclass(frozen=True)
class Access:
    """The internal listener's URL and the authentication header, which `repr` never shows."""

    url: str
    headers: Mapping[str, bytes] = field(repr=False)


def updater_url(environ: Mapping[str, str]) -> str:
    """UPDATER_URL or its default. Raises WrongUse if it is not an HTTP address, or if others could read the secret."""
    url = (environ.get("UPDATER_URL") or DEFAULT_URL).rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and parts.username is None
    except ValueError:  # the port is not a number
        usable = False
    if not usable:
        raise WrongUse("UPDATER_URL is not a valid HTTP address.", f"Set it to an address like {DEFAULT_URL}.")
    if parts.scheme == "http" and not _on_this_machine(str(parts.hostname)):
        raise WrongUse(
            f"UPDATER_URL begins with http:// and leads to {parts.hostname}: the network could read the secret.",
            f"Use https, or a tunnel to that machine: `ssh -N -L 9090:127.0.0.1:9090 HOST`, and then {DEFAULT_URL}.",
        )
    return url


def _on_this_machine(host: str) -> bool:
    """Whether `host` is this machine, or the name of a container in a network of this machine's Docker Engine."""
    return is_loopback(host) or not set(".:") & set(host)


def secret_path(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("UPDATER_SECRET_PATH") or DEFAULT_SECRET_PATH)


def access(environ: Mapping[str, str]) -> Access:
    """The URL, and UPDATER_TOKEN if it is set, otherwise the secret from its file.

    Raises WrongUse if the URL is invalid, NotAllowed if the secret is unavailable.
    """
    url = updater_url(environ)
    if token := environ.get("UPDATER_TOKEN", "").strip():
        return Access(url, {"Authorization": b"Bearer " + token.encode()})
    return Access(url, {"X-Updater-Secret": first_secret(secret_path(environ))})


def first_secret(path: Path) -> bytes:
    """The first line of the secret file that is not blank. Raises NotAllowed if there is none."""
    todo = (
        "Set UPDATER_SECRET_PATH to the web process's file and run this command as a user who can read it. "
        "Or run `updater token` as such a user, and set UPDATER_TOKEN to its output."
    )
    try:
        lines = [line.strip() for line in path.read_bytes().splitlines()]
    except OSError as error:
        raise NotAllowed(f"The secret file {path} cannot be read ({error.strerror}).", todo) from error
    secret = next((line for line in lines if line), None)
    if secret is None:
        raise NotAllowed(f"The secret file {path} is empty.", todo)
    return secret
