"""The smaller answers. The larger ones are in `status`, `rollout` and `plan`."""

from typing import Literal

from pydantic import ConfigDict

from app.api.model import ResponseModel
from app.api.status import Held
from app.domain.findings import Check, Verdict

LINES_DROPPED = "Updater-Lines-Dropped"
"""The header of a log: how many of its first lines are missing. Then the answer begins with a note about them."""


class Problem(ResponseModel):
    """The body of every error: `error` is a sentence, `code` a stable word."""

    error: str = ""
    code: str = ""


class Failed(Problem):
    """An error of a call whose success also has a `status`."""

    status: Literal["failed"] = "failed"


class Alive(ResponseModel):
    status: Literal["ok"] = "ok"


class PartState(ResponseModel):
    """`age_seconds`: how long ago the part last ran. Only parts that run at intervals send it."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    ok: bool
    found: str
    age_seconds: float | None = None


class Ready(ResponseModel):
    status: Literal["ok", "not ready"]
    parts: dict[str, PartState]


class Queued(ResponseModel):
    """`error` and `code` say why there is no result yet. Sent only if UPDATER_APPLY_WAIT_SECONDS ended the wait."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    status: Literal["queued"]
    rollout_id: str
    error: str | None = None
    code: str | None = None


class Approved(ResponseModel):
    """`held_for`: what the release still waits for; None if it starts at once. `commit`: what was approved."""

    status: Literal["approved"] = "approved"
    tag: str = ""
    rollout_id: str = ""
    commit: str | None = None
    held_for: Held | None = None


class Cancelling(ResponseModel):
    status: Literal["cancelling"] = "cancelling"
    rollout_id: str = ""


class Paused(ResponseModel):
    status: Literal["ok"] = "ok"
    paused: Literal[True] = True
    pause_reason: str = ""


class Resumed(ResponseModel):
    status: Literal["ok"] = "ok"
    resumed: Literal[True] = True


class Doctor(ResponseModel):
    """`status` is the worst result of all checks."""

    status: Verdict = Verdict.OK
    checks: tuple[Check, ...] = ()


class Notified(ResponseModel):
    status: Literal["queued"] = "queued"
    targets: int = 0


class LoggedIn(ResponseModel):
    """`expires_in`: seconds; 0 after a logout."""

    status: Literal["ok"] = "ok"
    expires_in: float = 0.0


class Session(ResponseModel):
    """Who calls. `kind`: `shared secret`, `token` or `session`; `scope`: `read` or `operate`; `name`: may be empty.

    All are empty without a proof. `expires_in`: seconds until the session ends; None for another kind.
    """

    kind: str = ""
    scope: str = ""
    name: str = ""
    expires_in: float | None = None
