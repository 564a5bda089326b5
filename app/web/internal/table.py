"""Every call of the internal listener, in one table. The routes and the OpenAPI document come from it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from starlette.responses import JSONResponse, Response

from app.api.plan import Plan
from app.api.requests import (
    Apply,
    Approve,
    Cancel,
    EventsQuery,
    HistoryQuery,
    Login,
    LogQuery,
    Pause,
    PlanQuery,
    Rollback,
    RollbackPlanQuery,
)
from app.api.responses import (
    Alive,
    Approved,
    Cancelling,
    Doctor,
    Failed,
    LoggedIn,
    Notified,
    Paused,
    Problem,
    Queued,
    Ready,
    Resumed,
    Session,
)
from app.api.rollback_plan import RollbackPlan
from app.api.rollout import History, Record, Result, Usual
from app.api.status import Diagnostics, Status
from app.api.traffic import TrafficSeries
from app.auth.scope import Scope
from app.web.calls.changes import Changes
from app.web.calls.dashboard import Dashboard
from app.web.calls.doctor import CheckUp
from app.web.calls.health import Health
from app.web.calls.metrics import MEDIA_TYPE, Metrics
from app.web.calls.queries import Reading
from app.web.calls.sessions import Sessions
from app.web.calls.status import StatusCall
from app.web.internal.call import Answer, Call, Given
from app.web.internal.openapi import Json, document

Handler = Callable[[Given], Awaitable[Response]]
Answers = dict[int, Answer | None]

OPERATE = Scope.OPERATE
PAGES = ("/", "/history", "/rollouts/{rollout_id}", "/waiting", "/plan")
"""Each view of the dashboard has an address. They all get the same page."""

FILES = ("/page/{version}/{name}", "/page/{version}/{folder}/{name}")
PREFER = {"Prefer": "`wait=N`: send the final result if the rollout ends within N seconds (RFC 7240)"}
_NONE_MATCH = {"If-None-Match": "the ETag of an earlier answer: 304 if nothing has changed since"}
_LAST_EVENT = {"Last-Event-ID": "the id of the last received event: continue after it"}

_REFUSED: Answers = {404: Problem, 409: Problem, 502: Problem}
_ENDING: Answers = {200: Result, 202: Queued, 404: Failed, 500: Result, 502: Failed}
_LOGIN: Answers = {200: LoggedIn, 401: Problem, 403: Problem, 429: Problem}


@dataclass(frozen=True)
class Calls:
    """The objects that answer the calls."""

    health: Health
    status: StatusCall
    changes: Changes
    reading: Reading
    doctor: CheckUp
    metrics: Metrics
    dashboard: Dashboard
    sessions: Sessions

    def calls(self) -> tuple[Call, ...]:
        """The whole table, including the call for the OpenAPI document."""

        async def openapi(_: Given) -> Response:
            return JSONResponse(described())

        own = Call("GET", "/openapi.json", "this document", openapi, {200: "application/json"}, scope=None)
        calls = (*self._open(), *self._reading(), *self._changing(), own)

        @cache
        def described() -> Json:
            return document(calls)

        return calls

    def _open(self) -> tuple[Call, ...]:
        health, page, session = self.health, self.dashboard, self.sessions
        ready: Answers = {200: Ready, 503: Ready}
        filed: Answers = {200: "*/*", 404: Problem}
        return (
            Call("GET", "/health", "whether the process is alive", health.alive, {200: Alive}, scope=None),
            Call("GET", "/ready", "whether every part that a release needs works", health.ready, ready, scope=None),
            *(Call("GET", path, "the dashboard", page.page, {200: "text/html"}, scope=None) for path in PAGES),
            *(Call("GET", path, "a file of the dashboard", page.file, filed, scope=None) for path in FILES),
            Call("POST", "/login", "start a dashboard session", session.log_in, _LOGIN, scope=None, body=Login),
            Call("GET", "/session", "who the caller is", session.who, {200: Session}, scope=None),
            Call("POST", "/logout", "end the session", session.log_out, {200: LoggedIn}),
        )

    def _reading(self) -> tuple[Call, ...]:
        get, status = self.reading, self.status
        shown: Answers = {200: Status, 304: None}
        logged: Answers = {200: "text/plain", 404: Problem}
        one, events = "/update/rollouts/{rollout_id}", {200: "text/event-stream"}
        scraped = {200: MEDIA_TYPE.partition(";")[0]}
        return (
            Call("GET", "/status", "the status", status, shown, headers=_NONE_MATCH),
            Call("GET", "/update/status", "the status", status, shown, headers=_NONE_MATCH),
            Call("GET", "/update/plan", "what a rollout would do", get.plan, {200: Plan, **_REFUSED}, query=PlanQuery),
            Call(
                "GET",
                "/update/rollback/plan",
                "what a rollback would bring back",
                get.rollback_plan,
                {200: RollbackPlan, **_REFUSED},
                query=RollbackPlanQuery,
            ),
            Call("GET", "/update/history", "the history", get.history, {200: History}, query=HistoryQuery),
            Call("GET", "/update/usual", "how long the last rollouts took", get.usual, {200: Usual}),
            Call("GET", "/update/traffic", "the answers that clients got lately", get.traffic, {200: TrafficSeries}),
            Call("GET", one, "the whole record of a rollout", get.record, {200: Record, 404: Problem}),
            Call("GET", f"{one}/log", "the log of a rollout", get.log, logged, query=LogQuery),
            Call("GET", "/update/events", "events", get.events, events, query=EventsQuery, headers=_LAST_EVENT),
            Call("GET", "/diagnostics", "the state of the machine", get.diagnostics, {200: Diagnostics, 502: Problem}),
            Call("GET", "/doctor", "every check, with its remedy", self.doctor.examine, {200: Doctor}),
            Call("GET", "/metrics", "metrics for Prometheus", self.metrics.scrape, scraped),
        )

    def _changing(self) -> tuple[Call, ...]:
        do = self.changes
        apply: Answers = {**_ENDING, 409: Failed, 423: Failed}
        rollback: Answers = {**_ENDING, 409: Failed}
        return (
            _changes("apply", "make a tag live", do.apply, apply, body=Apply, headers=PREFER, compat=True),
            _changes(
                "rollback",
                "roll back to a kept release",
                do.rollback,
                rollback,
                body=Rollback,
                optional=True,
                headers=PREFER,
                compat=True,
            ),
            _changes("pause", "pause rollouts", do.pause, {200: Paused, 502: Problem}, body=Pause),
            _changes("unpause", "resume rollouts", do.unpause, {200: Resumed, 409: Failed, 502: Failed}, compat=True),
            _changes("approve", "approve a held release", do.approve, {202: Approved, **_REFUSED}, body=Approve),
            _changes("cancel", "stop a rollout before its flip", do.cancel, {202: Cancelling, **_REFUSED}, body=Cancel),
            Call(
                "POST",
                "/notify/test",
                "send a test message",
                do.notify_test,
                {202: Notified, 409: Problem, 502: Problem},
                OPERATE,
            ),
        )


def _changes(name: str, says: str, answer: Handler, answers: Answers, **more: Any) -> Call:
    return Call("POST", f"/update/{name}", says, answer, answers, OPERATE, **more)
