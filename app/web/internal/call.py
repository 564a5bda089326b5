"""The description of one call: everything that routing, checks and the OpenAPI document need."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from app.api.responses import Failed, Problem
from app.auth.tokens import Scope

Answer = type[BaseModel] | str
"""The model of a JSON answer, or the media type of another one."""


@dataclass(frozen=True)
class Given:
    """A request that was let in: `query` and `body` are the call's own models, already checked (None without one)."""

    request: Request
    query: Any = None
    body: Any = None

    @property
    def rollout_id(self) -> str:
        """The `{rollout_id}` of the path."""
        return str(self.request.path_params["rollout_id"])


@dataclass(frozen=True)
class Call:
    """`answers` are the model or media type of each status that is the call's own; `scope` None lets everybody in.

    `optional`: the body may be left out. `headers` are request headers that change the answer, with what they do.
    `compat`: programs written for the updater before this one make this call, so a body may have fields that are not
    known here, and every error has `status: failed`, the word by which those programs tell an error from a success.
    """

    method: Literal["GET", "POST"]
    path: str
    says: str
    answer: Callable[[Given], Awaitable[Response]]
    answers: Mapping[int, Answer | None]
    scope: Scope | None = Scope.READ
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    optional: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    compat: bool = False

    def all_answers(self) -> dict[int, Answer | None]:
        """Every status that this call can have; None for one without a body."""
        at_the_door = [401] if self.scope else []
        at_the_door += [403] if self.scope is Scope.OPERATE else []
        common = [503]
        common += [400] if self.query else []
        common += [400, 408, 413] if self.method == "POST" else []
        common += [415] if self.body else []
        errors = dict.fromkeys(common, Failed if self.compat else Problem)
        return {**dict.fromkeys(at_the_door, Problem), **errors, **self.answers}
