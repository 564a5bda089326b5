"""The parts of GitHub's responses that the updater uses."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from app.domain.acceptance.policy import ReleaseEvent
from app.domain.acceptance.published import Published
from app.lazy_adapter import LazyAdapter
from workers.ports.github import FailedDelivery

Id = Annotated[int, Field(gt=0)]

UNDATED = datetime.min.replace(tzinfo=UTC)


class Answer(BaseModel):
    """The fields of an answer that the updater reads."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class _Repository(Answer):
    id: Id
    full_name: str


class _Author(Answer):
    login: str


class _Release(Answer):
    id: Id
    tag_name: str
    draft: bool
    prerelease: bool
    published_at: datetime | None = None
    author: _Author | None = None
    immutable: bool | None = None

    def published(self, repository: _Repository) -> Published:
        """Returns the event that the release's webhook would have delivered. A draft counts as published at UNDATED."""
        event = ReleaseEvent(
            action="published",
            repository=repository.full_name,
            repository_id=repository.id,
            release_id=self.id,
            tag=self.tag_name,
            draft=self.draft,
            prerelease=self.prerelease,
            author=self.author.login if self.author else None,
            immutable=self.immutable,
            published_at=self.published_at,
        )
        return Published(event, self.published_at or UNDATED)


class _HookConfig(Answer):
    url: str = ""


class _Hook(Answer):
    id: Id
    config: _HookConfig


class _Delivery(Answer):
    id: Id
    guid: str
    event: str
    action: str | None
    status_code: int
    delivered_at: datetime

    def failed(self) -> FailedDelivery:
        return FailedDelivery(self.id, self.guid, self.action, self.status_code, self.delivered_at)


class Commit(Answer):
    sha: str = Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")


class _Deployment(Answer):
    id: Id
    payload: dict[str, Any] | str | None = None

    @property
    def rollout_id(self) -> str | None:
        """The rollout id in the payload, which GitHub returns as an object or as text, as it was sent."""
        try:
            payload = json.loads(self.payload) if isinstance(self.payload, str) else self.payload
        except ValueError:
            return None
        return payload.get("rollout_id") if isinstance(payload, dict) else None


class _Status(Answer):
    state: str


REPOSITORY = LazyAdapter(_Repository)
RELEASE = LazyAdapter(_Release)
RELEASES = LazyAdapter(list[_Release])
HOOKS = LazyAdapter(list[_Hook])
DELIVERIES = LazyAdapter(list[_Delivery])
COMMIT = LazyAdapter(Commit)
DEPLOYMENT = LazyAdapter(_Deployment)
DEPLOYMENTS = LazyAdapter(list[_Deployment])
STATUSES = LazyAdapter(list[_Status])
