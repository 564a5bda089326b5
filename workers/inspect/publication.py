"""When GitHub published a release that an operator names: an order by date needs it."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.errors import GitHubRefused, GitHubUnavailable
from workers.ports.github import GitHubApi


@dataclass(frozen=True)
class Publication:
    """`at`: when the release was published; None: `unknown` says why that is not known, and what to do."""

    at: datetime | None = None
    unknown: str | None = None


async def publication_of(tag: str, github: GitHubApi | None) -> Publication:
    """When GitHub published the release `tag`, of the releases that it lists."""
    try:
        at = await _listed(tag, github) if github else None
    except (GitHubUnavailable, GitHubRefused) as error:
        return Publication(unknown=_unknown(tag, f"GitHub does not say when it was published ({error})"))
    return Publication(at) if at else Publication(unknown=_unknown(tag, "GitHub has no published release of it"))


async def _listed(tag: str, github: GitHubApi) -> datetime | None:
    async for page in github.releases():
        if found := next((each.at for each in page if each.event.tag == tag), None):
            return found
    return None


def _unknown(tag: str, why: str) -> str:
    return (
        f"{tag} cannot be compared with the live release: `tags/order` in the stack file is `published`, and {why}. "
        f"Publish a release of {tag}, or apply it with force"
    )
