"""Requests: bodies and query strings."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from app.api.limits import HISTORY_DEFAULT, HISTORY_MOST
from app.api.model import CompatRequest, QueryModel, RequestModel
from app.domain.errors import TagInvalid
from app.domain.tags import MAX_TAG_LENGTH, check_name

LONGEST_REASON = 1_000
ROLLOUT_ID = r"^[A-Za-z0-9._-]{1,64}$"
EVENT_ID = r"^[0-9]{1,15}(-[0-9]{1,15})?$"


def _tag(value: str) -> str:
    try:
        check_name(value)
    except TagInvalid as refused:
        raise ValueError(refused.detail) from refused
    return value


Tag = Annotated[str, AfterValidator(_tag), Field(max_length=MAX_TAG_LENGTH, examples=["v1.2.3"])]
Sha = Annotated[str, AfterValidator(str.lower), Field(pattern=r"^[0-9a-fA-F]{7,64}$")]
RolloutId = Annotated[str, Field(pattern=ROLLOUT_ID)]


class Apply(CompatRequest):
    """`commit`: what the tag has to point to, or its first digits. Without one, it is the commit that the tag has."""

    tag: Tag
    version: Annotated[str, Field(max_length=MAX_TAG_LENGTH)] | None = None
    force: bool = False
    commit: Sha | None = None


class Rollback(CompatRequest):
    previous_sha: Sha | None = None
    force: bool = False
    current_env: bool = False


class Pause(RequestModel):
    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON, pattern=r"\S")]


class Approve(RequestModel):
    """`commit`: the one to approve, or its first digits. Without one, it is the commit that the release waits with."""

    tag: Tag
    commit: Sha | None = None


class Cancel(RequestModel):
    rollout_id: RolloutId


class Login(RequestModel):
    """The shared secret, or the part of a login link after `#login=`: one of them."""

    secret: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON)] | None = None
    link: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON)] | None = None

    @model_validator(mode="after")
    def _one_proof(self) -> Self:
        if (self.secret is None) == (self.link is None):
            raise ValueError("give secret or link")
        return self


class PlanQuery(QueryModel):
    tag: Tag


class RollbackPlanQuery(QueryModel):
    previous_sha: Sha | None = None


class HistoryQuery(QueryModel):
    limit: Annotated[int, Field(ge=1, le=HISTORY_MOST)] = HISTORY_DEFAULT
    before: RolloutId | None = None


class LogQuery(QueryModel):
    follow: Literal["0", "1"] = "0"


class EventsQuery(QueryModel):
    last_event_id: Annotated[str, Field(pattern=EVENT_ID)] | None = None
