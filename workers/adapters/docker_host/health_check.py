"""Runs a container's own health check on demand, instead of waiting for the engine's next run.

The check runs exactly as the engine runs it: the configured command, in an exec, as the container's user, with its
environment and in its working directory. Exit code 0 is a pass.
https://docs.docker.com/reference/dockerfile/#healthcheck

The API cannot end an exec. A check that hangs keeps running in its container after its limit, until it ends by itself
or the container stops. There is at most one: no other run begins before it has ended.
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
from app.domain.long_lines import shortened
from workers.adapters.docker_host.client import CALL_SECONDS, Docker, Missing
from workers.adapters.threads import in_engine_thread
from workers.ports import CheckResult

DEFAULT_SHELL = ("/bin/sh", "-c")
DEFAULT_TIMEOUT = 30.0
"""Seconds: the engine's default for a check without a timeout."""

NANOSECONDS = 1e9
LOOK_SECONDS, SOON_SECONDS = 0.2, 0.02
"""How often a run is inspected while its output is open, and after that: it ends with its output, or moments later."""

LAST_WORDS_SECONDS = 0.5
"""How long to wait for the rest of the output after a run has ended: a child process may hold it open."""

MOST_OUTPUT = 64 * 1024
"""Bytes kept of a check's output. The rest is read and dropped, so that the check never blocks."""

MOST_WORDS = 300
"""The most bytes of a check's last line that are shown."""

HEADER = 8
"""Bytes before each piece of output: the stream's number, three zeros, and the length, big-endian."""


@dataclass(frozen=True)
class OwnCheck:
    """`timeout`: seconds."""

    command: tuple[str, ...]
    timeout: float


def own_check(config: Mapping[str, Any]) -> OwnCheck | None:
    """Returns the health check of a container with that configuration; None if it has none that the engine runs."""
    check = config.get("Healthcheck") or {}
    kind, *words = check.get("Test") or ["NONE"]
    if kind not in {"CMD", "CMD-SHELL"}:
        return None
    shell = (config.get("Shell") or DEFAULT_SHELL) if kind == "CMD-SHELL" else ()
    return OwnCheck((*shell, *words), (check.get("Timeout") or 0) / NANOSECONDS or DEFAULT_TIMEOUT)


async def check(docker: Docker, container: str, limit: float) -> CheckResult:
    """Runs the container's own check once. Raises EngineFailed when the engine stays unreachable."""
    try:
        attrs: Mapping[str, Any] = (await docker.call(lambda c: c.containers.get(container))).attrs
    except Missing:
        return CheckResult(False, "the container was removed")
    own = own_check(attrs["Config"])
    if own is None:
        return CheckResult(False, "the container has no health check")
    if await _runs(docker, attrs.get("ExecIDs") or (), own.command):
        return CheckResult(False, "an earlier run of the check has not ended yet")
    try:
        return await _run(docker, container, own.command, min(limit, own.timeout))
    except EngineFailed as error:  # a container that is paused, a proxy that refuses the call
        return CheckResult(False, error.detail)


async def _runs(docker: Docker, execs: Sequence[str], command: tuple[str, ...]) -> bool:
    """Returns whether one of `execs` still runs `command`, whether we or the engine started it."""
    for exec_id in execs:
        with contextlib.suppress(Missing):
            seen = await docker.call(lambda c, e=exec_id: c.api.exec_inspect(e))  # type: ignore[misc]
            if seen["Running"] and _command_of(seen["ProcessConfig"]) == command:
                return True
    return False


def _command_of(process: Mapping[str, Any]) -> tuple[str, ...]:
    return (process["entrypoint"], *(process["arguments"] or ()))


async def _run(docker: Docker, container: str, command: tuple[str, ...], limit: float) -> CheckResult:
    """Runs the check without a retry: if the engine becomes unreachable, a retry would be a second run."""
    deadline = asyncio.get_running_loop().time() + limit
    exec_id: str = (await docker.once(lambda c: c.api.exec_create(container, list(command))))["Id"]
    output = await docker.once(lambda c: _begin(c.api, exec_id, limit))
    reading = asyncio.create_task(in_engine_thread(_read, output))
    try:
        ended = await _ended(docker, exec_id, reading, deadline)
        if not ended["Running"]:
            await asyncio.wait({reading}, timeout=LAST_WORDS_SECONDS)
    finally:
        with contextlib.suppress(OSError, ValueError, RuntimeError):  # the output was read to its end
            output.shutdown()
    return result_of(ended, spoken(await reading), limit)


def _begin(api: APIClient, exec_id: str, limit: float) -> urllib3.HTTPResponse:
    """Starts the run and returns its output as a stream.

    The SDK's `exec_start` is no alternative: it upgrades the connection and loses output that arrives together with
    the response's header.
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
    """Reads the output until it ends or is shut down. Drops what exceeds MOST_OUTPUT."""
    kept = bytearray()
    with contextlib.suppress(OSError, ValueError, urllib3.exceptions.HTTPError), contextlib.closing(output):
        while data := output.read1(HEADER * 1024):
            kept += data[: MOST_OUTPUT - len(kept)]
    return bytes(kept)


async def _ended(docker: Docker, exec_id: str, reading: asyncio.Task[bytes], deadline: float) -> Mapping[str, Any]:
    """Returns the run's state when it has ended, or at the deadline."""
    clock = asyncio.get_running_loop()
    while True:
        await asyncio.wait({reading}, timeout=min(LOOK_SECONDS, max(0.0, deadline - clock.time())))
        seen: Mapping[str, Any] = await docker.once(lambda c: c.api.exec_inspect(exec_id))
        if not seen["Running"] or clock.time() >= deadline:
            return seen
        if reading.done():
            await asyncio.sleep(SOON_SECONDS)


def result_of(ended: Mapping[str, Any], said: str, limit: float) -> CheckResult:
    """Combines the engine's state of the run and the last line of its output."""
    if ended["Running"]:
        return CheckResult(False, ": ".join(filter(None, [f"the check did not end within {limit:g} s", said])))
    code = ended["ExitCode"]
    return CheckResult(code == 0, ": ".join(filter(None, [f"exit code {code}", said])))


def spoken(output: bytes) -> str:
    """Returns the last non-empty line that a run wrote to either stream, without one that MOST_OUTPUT cut off.

    A longer line ends with a note, by which the redactor recognizes a secret that was cut.
    """
    text, rest = b"", output
    while len(rest) > HEADER:
        length = int.from_bytes(rest[4:HEADER], "big")
        text, rest = text + rest[HEADER : HEADER + length], rest[HEADER + length :]
    lines = [line.strip() for line in text.decode("utf-8", "replace").splitlines()]
    whole = lines[:-1] if len(output) >= MOST_OUTPUT and len(lines) > 1 else lines
    return shortened(next((line for line in reversed(whole) if line), ""), MOST_WORDS)
