"""Request and response models of the internal listener. They check requests and make the OpenAPI document.

Answers may carry more than is said here; what is said is what other programs may rely on.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.domain.errors import TagInvalid
from app.domain.findings import Alarm, Check, Verdict
from app.domain.release import MAX_TAG_LENGTH, Version

HISTORY_DEFAULT, HISTORY_MOST = 20, 200
LONGEST_REASON = 1_000
ROLLOUT_ID = r"^[A-Za-z0-9._-]{1,64}$"
EVENT_ID = r"^[0-9]{1,15}(-[0-9]{1,15})?$"


def _tag(value: str) -> str:
    try:
        Version.of(value)
    except TagInvalid as refused:
        raise ValueError(refused.detail) from refused
    return value


Tag = Annotated[str, AfterValidator(_tag), Field(max_length=MAX_TAG_LENGTH, examples=["v1.2.3"])]
RolloutId = Annotated[str, Field(pattern=ROLLOUT_ID)]
Color = Literal["blue", "green"]


class RequestModel(BaseModel):
    """What comes in: nothing more than is described."""

    model_config = ConfigDict(extra="forbid", strict=True)


class CompatRequest(RequestModel):
    """What a call of the contract's (compat) part is sent: fields that are not known here are ignored."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"additionalProperties": True})


class QueryModel(BaseModel):
    """A query string: text that stands for its values."""

    model_config = ConfigDict(extra="ignore")


class ResponseModel(BaseModel):
    """What goes out."""

    model_config = ConfigDict(extra="allow")


class Apply(CompatRequest):
    tag: Tag
    version: Annotated[str, Field(max_length=MAX_TAG_LENGTH)] | None = None
    force: bool = False


class Rollback(CompatRequest):
    previous_sha: Annotated[str, Field(pattern=r"^[0-9a-f]{7,40}$")] | None = None
    force: bool = False


class Pause(RequestModel):
    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON, pattern=r"\S")]


class Approve(RequestModel):
    tag: Tag


class Cancel(RequestModel):
    rollout_id: RolloutId


class Login(RequestModel):
    secret: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON)]


class PlanQuery(QueryModel):
    tag: Tag


class HistoryQuery(QueryModel):
    limit: Annotated[int, Field(ge=1, le=HISTORY_MOST)] = HISTORY_DEFAULT
    before: RolloutId | None = None


class LogQuery(QueryModel):
    follow: Literal["0", "1"] = "0"


class EventsQuery(QueryModel):
    last_event_id: Annotated[str, Field(pattern=EVENT_ID)] | None = None


class Problem(BaseModel):
    error: str
    code: str


class Failed(Problem):
    """The error answer of a call whose success has a `status` too."""

    status: Literal["failed"]


class Alive(BaseModel):
    status: Literal["ok"]


class PartOf(ResponseModel):
    ok: bool
    found: str


class Ready(ResponseModel):
    status: Literal["ok", "not ready"]
    parts: dict[str, PartOf]


class Live(ResponseModel):
    """`adopted`: it ran before the updater did. If its tag is `unknown`, `sha` is a digest of its images."""

    tag: str
    sha: str
    since: str | None
    adopted: bool = False


class RolloutProgress(ResponseModel):
    id: str
    tag: str
    status: str
    step: str | None
    percent: float
    started_at: str | None
    eta_seconds: float | None


class Result(ResponseModel):
    status: str
    rollout_id: str
    tag: str
    previous_sha: str | None
    new_sha: str | None
    active_color: str | None
    target_color: str | None
    paused: bool
    pause_reason: str | None
    steps_completed: list[str]
    error: str | None
    reason_code: str | None
    duration_seconds: float
    started_at: str | None
    completed_at: str | None
    evidence: dict[str, Any]


class Held(ResponseModel):
    """Why a release waits; `until` is when the next window opens."""

    tag: str
    rollout_id: str
    reason: str
    until: str | None
    text: str


class Status(ResponseModel):
    state: Literal["idle", "updating", "rolling_back"]
    current_operation: str | None
    last_result: Result | None
    uptime_seconds: float
    active_color: Color | None
    paused: bool
    pause_reason: str | None
    last_checked_at: str | None
    looked_at: str | None
    last_attempted_tag: str | None
    last_good_tag: str | None
    current: Live | None
    rollout: RolloutProgress | None
    queued: list[str]
    held: list[str]
    held_for: list[Held]
    alarms: list[Alarm]
    worker_alive: bool


class Queued(ResponseModel):
    """`error` and `code` are there only when UPDATER_APPLY_WAIT_SECONDS ended the wait: why there is no result yet."""

    status: Literal["queued"]
    rollout_id: str
    error: str | None = None
    code: str | None = None


class Approved(ResponseModel):
    """`held_for` is what it waits for all the same."""

    status: Literal["approved"]
    tag: str
    rollout_id: str
    held_for: Held | None


class Cancelling(ResponseModel):
    status: Literal["cancelling"]
    rollout_id: str


class Paused(ResponseModel):
    status: Literal["ok"]
    paused: Literal[True]
    pause_reason: str


class Resumed(ResponseModel):
    status: Literal["ok"]
    resumed: Literal[True]


class Entry(ResponseModel):
    tag: str
    version: str | None
    result: str
    timestamp: str
    rollout_id: str


class History(ResponseModel):
    entries: list[Entry]


class Plan(ResponseModel):
    tag: str


class Record(ResponseModel):
    rollout_id: str
    tag: str
    status: str


class Diagnostics(Status):
    git_sha: str | None
    git_ref: str | None
    containers: list[dict[str, Any]]
    disk_usage: dict[str, Any]
    versions: dict[str, Any]


class Doctor(ResponseModel):
    status: Verdict
    checks: list[Check]


class Notified(ResponseModel):
    status: Literal["queued"]
    targets: int


class LoggedIn(ResponseModel):
    status: Literal["ok"]
    expires_in: float
