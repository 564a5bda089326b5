"""A container's own health check, run when it is asked for instead of at the engine's next look.

It runs exactly as the engine runs it: the command of the container's configuration, in an exec, as the container's own
user, with its environment and in its working directory. Exit code 0 is a pass.
https://docs.docker.com/reference/dockerfile/#healthcheck

The API cannot end an exec. A check that hangs goes on in its container after its limit, until it ends by itself or the
container stops. There is at most one: no other run begins before it has ended.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests
import urllib3
from docker.api.client import APIClient
from docker.errors import create_api_error_from_http_exception

from app.domain.errors import EngineFailed
from workers.adapters.docker_host.client import CALL_SECONDS, Docker, Missing
from workers.ports import CheckResult

DEFAULT_SHELL = ("/bin/sh", "-c")
DEFAULT_TIMEOUT = 30.0
"""Seconds: what the engine takes for a check that names no timeout."""

NANOSECONDS = 1e9
LOOK_SECONDS, SOON_SECONDS = 0.2, 0.02
"""How often a run is looked at while its output is open, and after that: it ends with its output, or moments later."""

LAST_WORDS_SECONDS = 0.5
"""How long the output of a run that has ended is waited for: a child of it may hold it open."""

MOST_OUTPUT = 64 * 1024
"""Bytes that are kept of what a check writes; the rest is read and dropped, so that it never blocks."""

MOST_WORDS = 300
HEADER = 8
"""Bytes before each piece of output: the stream's number, three zeros, and the length, big-endian."""


@dataclass(frozen=True)
class OwnCheck:
    """`timeout`: seconds."""

    command: tuple[str, ...]
    timeout: float


def own_check(config: Mapping[str, Any]) -> OwnCheck | None:
    """The health check of a container with that configuration; None when it has none, or one the engine ignores."""
    check = config.get("Healthcheck") or {}
    kind, *words = check.get("Test") or ["NONE"]
    if kind not in {"CMD", "CMD-SHELL"}:
        return None
    shell = (config.get("Shell") or DEFAULT_SHELL) if kind == "CMD-SHELL" else ()
    return OwnCheck((*shell, *words), (check.get("Timeout") or 0) / NANOSECONDS or DEFAULT_TIMEOUT)


async def check(docker: Docker, container: str, limit: float) -> CheckResult:
    """One run of its own check. Raises EngineFailed when the engine stays away."""
    try:
        attrs: Mapping[str, Any] = (await docker.call(lambda c: c.containers.get(container))).attrs
    except Missing:
        return CheckResult(False, "it is removed")
    own = own_check(attrs["Config"])
    if own is None:
        return CheckResult(False, "it has no health check")
    if await _runs(docker, attrs.get("ExecIDs") or (), own.command):
        return CheckResult(False, "a run of it has not ended yet")
    try:
        return await _run(docker, container, own.command, min(limit, own.timeout))
    except EngineFailed as error:  # a container that is paused, a proxy that refuses the call
        return CheckResult(False, error.detail)


async def _runs(docker: Docker, execs: Sequence[str], command: tuple[str, ...]) -> bool:
    """Whether one of `execs` is that command and has not ended, whoever began it."""
    for exec_id in execs:
        with contextlib.suppress(Missing):
            seen = await docker.call(lambda c, e=exec_id: c.api.exec_inspect(e))  # type: ignore[misc]
            if seen["Running"] and _command_of(seen["ProcessConfig"]) == command:
                return True
    return False


def _command_of(process: Mapping[str, Any]) -> tuple[str, ...]:
    return (process["entrypoint"], *(process["arguments"] or ()))


async def _run(docker: Docker, container: str, command: tuple[str, ...], limit: float) -> CheckResult:
    """An engine that goes away is not waited for: to begin again would be a second run."""
    deadline = asyncio.get_running_loop().time() + limit
    exec_id: str = (await docker.once(lambda c: c.api.exec_create(container, list(command))))["Id"]
    output = await docker.once(lambda c: _begin(c.api, exec_id, limit))
    reading = asyncio.create_task(asyncio.to_thread(_read, output))
    try:
        ended = await _ended(docker, exec_id, reading, deadline)
        if not ended["Running"]:
            await asyncio.wait({reading}, timeout=LAST_WORDS_SECONDS)
    finally:
        with contextlib.suppress(OSError, ValueError, RuntimeError):  # it has been read to its end
            output.shutdown()
    return result_of(ended, spoken(await reading), limit)


def _begin(api: APIClient, exec_id: str, limit: float) -> urllib3.HTTPResponse:
    """Starts the run; its output as it comes.

    Not by the SDK's `exec_start`: that asks for an upgrade, and loses what arrives in one piece with the answer's head.
    """
    url = f"{api.base_url}/v{api.api_version}/exec/{exec_id}/start"
    body = {"Detach": False, "Tty": False}
    answer = api.post(url, json=body, stream=True, timeout=(CALL_SECONDS, limit + CALL_SECONDS))
    try:
        answer.raise_for_status()
    except requests.HTTPError as error:
        create_api_error_from_http_exception(error)
    return answer.raw


def _read(output: urllib3.HTTPResponse) -> bytes:
    """All of it until it ends or is shut down; what is beyond MOST_OUTPUT is dropped."""
    kept = bytearray()
    with contextlib.suppress(OSError, ValueError, urllib3.exceptions.HTTPError), contextlib.closing(output):
        while data := output.read1(HEADER * 1024):
            kept += data[: MOST_OUTPUT - len(kept)]
    return bytes(kept)


async def _ended(docker: Docker, exec_id: str, reading: asyncio.Task[bytes], deadline: float) -> Mapping[str, Any]:
    """How the run stands when it has ended, or at the deadline."""
    clock = asyncio.get_running_loop()
    while True:
        await asyncio.wait({reading}, timeout=min(LOOK_SECONDS, max(0.0, deadline - clock.time())))
        seen: Mapping[str, Any] = await docker.once(lambda c: c.api.exec_inspect(exec_id))
        if not seen["Running"] or clock.time() >= deadline:
            return seen
        if reading.done():
            await asyncio.sleep(SOON_SECONDS)


def result_of(ended: Mapping[str, Any], said: str, limit: float) -> CheckResult:
    """Of the engine's words on the run, and its own last line."""
    if ended["Running"]:
        return CheckResult(False, ": ".join(filter(None, [f"it had not ended after {limit:g} s", said])))
    code = ended["ExitCode"]
    return CheckResult(code == 0, ": ".join(filter(None, [f"exit code {code}", said])))


def spoken(output: bytes) -> str:
    """The last line with text of what a run wrote to both its streams."""
    text, rest = b"", output
    while len(rest) > HEADER:
        length = int.from_bytes(rest[4:HEADER], "big")
        text, rest = text + rest[HEADER : HEADER + length], rest[HEADER + length :]
    lines = [line.strip() for line in text.decode("utf-8", "replace").splitlines()]
    return next((line for line in reversed(lines) if line), "")[:MOST_WORDS]
