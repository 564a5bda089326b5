"""Every call of the internal listener, in one table. Routes and document are made from it."""

from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

from app.api import models as m
from app.auth.tokens import Scope
from app.web.calls.changes import Changes
from app.web.calls.dashboard import Dashboard
from app.web.calls.doctor import CheckUp
from app.web.calls.health import Health
from app.web.calls.metrics import MEDIA_TYPE, Metrics
from app.web.calls.queries import Reading
from app.web.calls.status import StatusCall
from app.web.internal.call import Answer, Call, Given
from app.web.internal.openapi import document

OPERATE = Scope.OPERATE
PREFER = {"Prefer": "`wait=N`: answer with the final result when it is there within N seconds (RFC 7240)"}
_NONE_MATCH = {"If-None-Match": "an ETag of an earlier answer: 304 when nothing has changed since"}
_LAST_EVENT = {"Last-Event-ID": "the id of the last event that was seen: go on after it"}


@dataclass(frozen=True)
class Calls:
    """Everything that answers a call."""

    health: Health
    status: StatusCall
    changes: Changes
    reading: Reading
    doctor: CheckUp
    metrics: Metrics
    dashboard: Dashboard

    def calls(self) -> tuple[Call, ...]:
        """The table, the document of it included."""

        async def openapi(_: Given) -> Response:
            return JSONResponse(described)

        itself = Call("GET", "/openapi.json", "this document", openapi, {200: "application/json"}, scope=None)
        calls = (*self._open(), *self._looking(), *self._changing(), itself)
        described = document(calls)
        return calls

    def _open(self) -> tuple[Call, ...]:
        health, page = self.health, self.dashboard
        ready: dict[int, Answer] = {200: m.Ready, 503: m.Ready}
        login: dict[int, Answer] = {200: m.LoggedIn, 401: m.Problem, 403: m.Problem}
        return (
            Call("GET", "/health", "the process is alive", health.alive, {200: m.Alive}, scope=None),
            Call("GET", "/ready", "everything that a release needs is there", health.ready, ready, scope=None),
            Call("GET", "/", "the dashboard", page.page, {200: "text/html"}, scope=None),
            Call("POST", "/login", "a session for the dashboard", page.log_in, login, scope=None, body=m.Login),
            Call("POST", "/logout", "the session's end", page.log_out, {200: m.LoggedIn}),
        )

    def _looking(self) -> tuple[Call, ...]:
        reading, unknown = self.reading, m.Problem
        status: dict[int, Answer | None] = {200: m.Status, 304: None}
        plan: dict[int, Answer] = {200: m.Plan, 404: unknown, 409: m.Problem, 502: m.Problem}
        told: dict[int, Answer] = {200: m.Diagnostics, 502: m.Problem}
        record: dict[int, Answer] = {200: m.Record, 404: unknown}
        log: dict[int, Answer] = {200: "text/plain", 404: unknown}
        events: dict[int, Answer] = {200: "text/event-stream"}
        one = "/update/rollouts/{rollout_id}"
        return (
            Call("GET", "/status", "the status", self.status, status, headers=_NONE_MATCH),
            Call("GET", "/update/status", "the status", self.status, status, headers=_NONE_MATCH),
            Call("GET", "/update/plan", "what a rollout would do", reading.plan, plan, query=m.PlanQuery),
            Call("GET", "/update/history", "newest first", reading.history, {200: m.History}, query=m.HistoryQuery),
            Call("GET", one, "the whole record of a rollout", reading.record, record),
            Call("GET", f"{one}/log", "its log", reading.log, log, query=m.LogQuery),
            Call(
                "GET",
                "/update/events",
                "as they come",
                reading.events,
                events,
                query=m.EventsQuery,
                headers=_LAST_EVENT,
            ),
            Call("GET", "/diagnostics", "what the machine says of itself", reading.diagnostics, told),
            Call("GET", "/doctor", "what is wrong, and what to do", self.doctor.examine, {200: m.Doctor}),
            Call("GET", "/metrics", "for Prometheus", self.metrics.scrape, {200: MEDIA_TYPE.partition(";")[0]}),
        )

    def _changing(self) -> tuple[Call, ...]:
        do, no, failed = self.changes, m.Problem, m.Failed
        ending: dict[int, Answer] = {200: m.Result, 202: m.Queued, 404: failed, 500: m.Result, 502: failed}
        apply, rollback = {**ending, 423: failed}, {**ending, 409: failed}
        pause: dict[int, Answer] = {200: m.Paused, 502: no}
        unpause: dict[int, Answer] = {200: m.Resumed, 409: failed, 502: failed}
        approve: dict[int, Answer] = {202: m.Approved, 404: no, 409: no, 502: no}
        notify: dict[int, Answer] = {202: m.Notified, 409: no, 502: no}
        cancel: dict[int, Answer] = {202: m.Cancelling, 404: no, 409: no, 502: no}
        return (
            Call(
                "POST",
                "/update/apply",
                "make a tag live",
                do.apply,
                apply,
                OPERATE,
                body=m.Apply,
                headers=PREFER,
                compat=True,
            ),
            Call(
                "POST",
                "/update/rollback",
                "go back to a kept release",
                do.rollback,
                rollback,
                OPERATE,
                body=m.Rollback,
                optional=True,
                headers=PREFER,
                compat=True,
            ),
            Call("POST", "/update/pause", "no rollout starts any more", do.pause, pause, OPERATE, body=m.Pause),
            Call("POST", "/update/unpause", "rollouts start again", do.unpause, unpause, OPERATE, compat=True),
            Call("POST", "/update/approve", "a release may go live", do.approve, approve, OPERATE, body=m.Approve),
            Call("POST", "/notify/test", "send a message to try", do.notify_test, notify, OPERATE),
            Call("POST", "/update/cancel", "before its flip", do.cancel, cancel, OPERATE, body=m.Cancel),
        )
