"""The links of the stack file: `public_url`, where people open the updater's pages, and those of GitHub deployments."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from app.config.part import Part
from app.domain.public_page import page_template
from app.domain.stack import GitHub

LONGEST = 300
_PLAIN = re.compile(r"[A-Za-z0-9._~:/@?#\[\]-]+")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_ADDRESS = re.compile(r"[0-9a-f:.]+")
_EXAMPLE = "such as https://updater.example.org"


def valid_public_url(value: str) -> str:
    """`value` without a slash at its end. Raises ValueError if it is not a plain http or https URL."""
    if not value.lower().startswith(("https://", "http://")):
        raise ValueError(f"should begin with https:// or http://, {_EXAMPLE}")
    if problem := _problem(value):
        raise ValueError(f"{problem}. Write the address at which people open the dashboard, {_EXAMPLE}")
    return value.rstrip("/")


def _problem(value: str) -> str | None:
    if "@" in value:
        return "should have no user name and no password: everyone who gets a message would read them"
    if "?" in value or "#" in value:
        return "should have nothing after ? or #: the address of a rollout's page is added to its end"
    if not _PLAIN.fullmatch(value):
        return "should have only letters, digits and .-_~:/ (a host with other letters in its xn-- form)"
    return _problem_of_place(value)


def _problem_of_place(value: str) -> str | None:
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "has an invalid host or port"
    whole = _ADDRESS if ":" in host else _HOST
    if not whole.fullmatch(host) or port == 0 or parts.netloc.endswith(":"):
        return "has an invalid host or port"
    if parts.path not in {"", "/"}:
        return "should have no path: the dashboard needs a host or a port of its own"
    return None


PublicUrl = Annotated[str, Field(max_length=LONGEST), AfterValidator(valid_public_url)]
HttpUrl = Annotated[str, Field(pattern=r"^https?://[^\s/@]+(/\S*)?$", max_length=500)]


class GitHubPart(Part):
    """`github` of the stack file."""

    deployments: bool = GitHub.deployments
    environment: str = Field(GitHub.environment, min_length=1, max_length=100)
    environment_url: HttpUrl | None = None
    log_url: HttpUrl | None = None

    def github(self, public_url: str | None) -> GitHub:
        """Without a `log_url` of its own, a deployment leads to the rollout's page."""
        return GitHub(**{**self.model_dump(), "log_url": self.log_url or page_template(public_url)})
