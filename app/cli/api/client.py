"""An HTTP client for the internal listener."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import ValidationError

from app.api.model import ResponseModel
from app.api.plan import Plan
from app.api.responses import LINES_DROPPED, Doctor, Queued
from app.api.rollback_plan import RollbackPlan
from app.api.rollout import History, Record, Result
from app.api.status import Status
from app.cli.api.access import Access
from app.cli.api.answers import problem
from app.cli.errors import CannotReach
from app.tls import verify_for

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 90.0
"""How long an answer may take: for a plan or a check-up, the worker asks Git, Compose and the Docker Engine."""

STREAM_SILENT_SECONDS = 60.0
"""How long a stream may be silent before it counts as dead and is opened again."""

Json = dict[str, Any]
Model = TypeVar("Model", bound=ResponseModel)


@dataclass(frozen=True)
class Event:
    """One server-sent event. https://html.spec.whatwg.org/multipage/server-sent-events.html"""

    id: str
    kind: str
    data: Json


class ApiClient:
    """The calls of the internal listener. Each raises CannotReach, NotAllowed, Refused or WrongUse."""

    def __init__(self, access: Access) -> None:
        self._url = access.url
        self._etags: dict[str, tuple[str, Status]] = {}
        # The secret goes only to this listener: ignore the environment's proxies, follow no redirects.
        self._http = httpx.AsyncClient(
            base_url=access.url,
            verify=verify_for(access.url),
            headers=dict(access.headers),  # type: ignore[arg-type]
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def plan(self, tag: str) -> Plan:
        return await self._get(Plan, "/update/plan", tag=tag)

    async def rollback_plan(self, sha: str | None) -> RollbackPlan:
        return await self._get(RollbackPlan, "/update/rollback/plan", **({"previous_sha": sha} if sha else {}))

    async def history(self, limit: int) -> History:
        return await self._get(History, "/update/history", limit=limit)

    async def record(self, rollout_id: str) -> Record:
        return await self._get(Record, f"/update/rollouts/{rollout_id}")

    async def doctor(self) -> Doctor:
        return await self._get(Doctor, "/doctor")

    async def start(self, path: str, body: Json) -> Queued | Result:
        """Requests an apply or a rollback. Returns a Result only if the release is already live: nothing to do."""
        answer = await self._post(path, body)
        done = answer.get("status") == "success"
        return self._read(Result, answer) if done else self._read(Queued, answer)

    async def change(self, model: type[Model], path: str, body: Json) -> Model:
        return self._read(model, await self._post(path, body))

    async def status(self) -> Status:
        """GET /status. Returns the status received last if the updater answers 304."""
        known = self._etags.get("/status")
        with self._reached(read_only=True):
            answer = await self._http.get("/status", headers={"If-None-Match": known[0]} if known else {})
        if known and answer.status_code == HTTPStatus.NOT_MODIFIED:
            return known[1]
        status = self._read(Status, self._content(answer))
        if etag := answer.headers.get("ETag"):
            self._etags["/status"] = (etag, status)
        return status

    async def log(self, rollout_id: str, *, follow: bool, read: int = 0) -> AsyncGenerator[tuple[int, str], None]:
        """Yields the log's lines as they arrive, each with its number, without the first `read` ones.

        If the updater no longer has the first lines, its note about that has the number of the last of them.
        """
        params: dict[str, str | int] = {"follow": 1} if follow else {}
        async with self._stream(f"/update/rollouts/{rollout_id}/log", params, {}) as answer:
            number = max(0, int(answer.headers.get(LINES_DROPPED, 0)) - 1)
            async for line in _lines(answer):
                number += 1
                if number > read:
                    yield number, line

    async def events(self, last_id: str | None) -> AsyncGenerator[Event, None]:
        """Yields server-sent events, from the one after `last_id`."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
        async with self._stream("/update/events", {}, headers) as answer:
            frame: dict[str, str] = {}
            async for line in answer.aiter_lines():
                if not line and (event := _event(frame)):
                    yield event
                frame = _framed(frame, line) if line else {}

    async def _get(self, model: type[Model], path: str, **params: str | int) -> Model:
        with self._reached(read_only=True):
            answer = await self._http.get(path, params=params)
        return self._read(model, self._content(answer))

    async def _post(self, path: str, body: Json) -> Json:
        """Returns as soon as the call is queued: the caller follows the rollout. Ignores the server's default wait."""
        with self._reached(read_only=False):
            answer = await self._http.post(path, json=body, headers={"Prefer": "respond-async"})
        return self._content(answer)

    @asynccontextmanager
    async def _stream(
        self, path: str, params: dict[str, str | int], headers: dict[str, str]
    ) -> AsyncIterator[httpx.Response]:
        limits = httpx.Timeout(STREAM_SILENT_SECONDS, connect=CONNECT_SECONDS)
        with self._reached(read_only=True):
            async with self._http.stream("GET", path, params=params, headers=headers, timeout=limits) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise problem(answer)
                yield answer

    @contextmanager
    def _reached(self, *, read_only: bool) -> Iterator[None]:
        """Translates the errors of httpx. `read_only`: the call changes nothing, so a lost answer has no effect."""
        try:
            yield
        except (httpx.TransportError, httpx.InvalidURL) as error:
            never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.InvalidURL)
            traffic = (
                "Your traffic is not affected."
                if read_only or never_sent
                else "The updater may have accepted the request. If so, the rollout continues."
            )
            raise CannotReach(
                f"The updater at {self._url} does not answer ({type(error).__name__}).",
                "Check that the web process runs and that UPDATER_URL leads to it. `updater doctor` checks both.",
                traffic=traffic,
            ) from error

    def _content(self, answer: httpx.Response) -> Json:
        if not answer.is_success:
            raise problem(answer)
        try:
            content = answer.json()
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise CannotReach(
                f"The server at {self._url} is not the updater.", "Set UPDATER_URL to its internal listener."
            )
        return content

    def _read(self, model: type[Model], content: Json) -> Model:
        try:
            return model.model_validate(content)
        except ValidationError as error:
            field = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise CannotReach(
                f"The answer from {self._url} has an unexpected value in `{field}`.",
                "Use the `updater` command of the same version as the updater.",
            ) from error


async def _lines(answer: httpx.Response) -> AsyncGenerator[str, None]:
    """Yields the lines as the updater counts them: httpx would also split them at a carriage return or form feed."""
    rest = ""
    async for text in answer.aiter_text():
        *lines, rest = f"{rest}{text}".split("\n")
        for line in lines:
            yield line
    if rest:
        yield rest


def _framed(frame: dict[str, str], line: str) -> dict[str, str]:
    name, _, value = line.partition(":")
    value = value.removeprefix(" ")
    if name == "data" and "data" in frame:
        value = f"{frame['data']}\n{value}"
    return {**frame, name: value} if name else frame


def _event(frame: dict[str, str]) -> Event | None:
    """The event of a complete frame; None for a heartbeat and for any other content."""
    try:
        content = json.loads(frame["data"])
    except (KeyError, ValueError):
        return None
    if not isinstance(content, dict):
        return None
    inner = content.get("data")
    data = inner if isinstance(inner, dict) else content
    return Event(frame.get("id", ""), frame.get("event") or str(content.get("type", "")), data)
