"""The description of one call: everything that routing, checks and the OpenAPI document need."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from app.api.responses import Failed, Problem
from app.auth.scope import Scope
from app.web.internal.caller import Caller

Answer = type[BaseModel] | str
"""The model of a JSON answer, or the media type of any other answer."""


@dataclass(frozen=True)
class Given:
    """A request that passed access control. `query` and `body` are validated models; None if the call has none.

    `caller`: None if the call needs no proof.
    """

    request: Request
    query: Any = None
    body: Any = None
    caller: Caller | None = None

    @property
    def rollout_id(self) -> str:
        """The `{rollout_id}` in the path."""
        return str(self.request.path_params["rollout_id"])


@dataclass(frozen=True)
class Call:
    """`answers` are the models or media types of the call's own statuses. `scope` None: no secret is needed.

    `optional`: the body may be omitted. `headers` are request headers that change the answer, each with its effect.
    `compat`: programs written for the previous updater make this call. So a body may have unknown fields, and every
    error has `status: failed`, by which those programs recognize errors.
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
        """Every status that this call can return; None for a status without a body."""
        access = [401] if self.scope else []
        access += [403] if self.scope is Scope.OPERATE else []
        common = [503]
        common += [400] if self.query else []
        common += [400, 408, 413] if self.method == "POST" else []
        common += [415] if self.body else []
        errors = dict.fromkeys(common, Failed if self.compat else Problem)
        return {**dict.fromkeys(access, Problem), **errors, **self.answers}
