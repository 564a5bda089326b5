"""The limits of following a rollout: each ends it with its own message. Time runs faster; the connection is real."""

import asyncio
import contextlib
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from app.cli.api.access import Access
from app.cli.api.client import ApiClient
from app.cli.api.log_stream import RIDE_SECONDS
from app.cli.errors import CannotReach, CommandError, NotAllowed, Refused
from app.cli.following.display import PlainLines
from app.cli.following.progress import FollowedRollout
from app.cli.following.watch import LOST_SECONDS, SILENT_SECONDS, RolloutWatch
from tests.integration.redis.loops import HurriedLoop

Status = Callable[[float], dict[str, Any] | None]
"""The updater's answer to `GET /status` after that many seconds, or None: it closes every connection from then on."""

IDLE: dict[str, Any] = {
    "rollout": None,
    "last_result": None,
    "paused": False,
    "queued": [],
    "held": [],
    "current": None,
}
WAITS = {**IDLE, "queued": ["v1.1.0"]}
UNKNOWN = {"error": "no rollout is known", "code": "unknown_rollout"}


def follow(status: Status) -> tuple[CommandError, float, str]:
    """Follows v1.1.0. Returns why it ended, after how many seconds, and what was printed."""

    async def run() -> tuple[CommandError, float, str]:
        clock = asyncio.get_running_loop()
        began, last = clock.time(), None

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal last
            # On a busy machine the command's limit can expire before it has sent its request.
            with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError):
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                if found := "GET /status" in head:
                    last = status(clock.time() - began)
                if last is not None:
                    body = json.dumps(last if found else UNKNOWN)
                    line = "200 OK" if found else "404 Not Found"
                    writer.write(
                        f"HTTP/1.1 {line}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
                    )

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        console = Console(record=True, file=io.StringIO(), width=300)
        async with server, ApiClient(Access(url, {})) as updater:
            with pytest.raises(CommandError) as ended:
                await RolloutWatch(updater, PlainLines(console)).follow(FollowedRollout("r-1", "v1.1.0"))
        return ended.value, clock.time() - began, console.export_text()

    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        return runner.run(run())


def test_follow_gives_up_on_an_absent_updater() -> None:
    ended, seconds, printed = follow(lambda _: None)
    assert isinstance(ended, CannotReach)
    assert "The rollout continues" in str(ended)
    assert "`updater status --watch` follows it again" in str(ended)
    assert seconds >= RIDE_SECONDS
    assert printed.count("Retrying for 60 s") == 1


def test_limit_restarts_when_the_updater_returns() -> None:
    answered: list[float] = []

    def for_a_while(at: float) -> dict[str, Any] | None:
        if at < 30 or len(answered) == 3:
            return None
        answered.append(at)
        return WAITS

    ended, seconds, printed = follow(for_a_while)
    assert isinstance(ended, CannotReach)
    assert seconds >= answered[-1] + RIDE_SECONDS
    assert "The updater answers again." in printed


def test_follow_gives_up_on_a_silent_worker() -> None:
    ended, seconds, printed = follow(lambda _: {**WAITS, "worker_alive": False})
    assert isinstance(ended, CannotReach)
    assert "it continues with the recorded releases" in str(ended)
    assert "heartbeat is missing" in printed
    assert seconds >= SILENT_SECONDS


def test_follow_gives_up_on_a_lost_rollout() -> None:
    ended, seconds, _ = follow(lambda _: IDLE)
    assert isinstance(ended, Refused)
    assert seconds >= LOST_SECONDS


def test_pause_ends_following_at_once() -> None:
    asked: list[float] = []

    def paused(at: float) -> dict[str, Any]:
        asked.append(at)
        return {**IDLE, "paused": True, "pause_reason": "why", "held": ["v1.1.0"]}

    ended, _, _ = follow(paused)
    assert isinstance(ended, NotAllowed)
    assert "v1.1.0 is recorded and held, because the updater is paused: why" in str(ended)
    assert len(asked) == 1
