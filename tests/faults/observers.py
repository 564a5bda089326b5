"""Observers that watch from outside: over HTTP, through the engine, on disk. They do not import the updater."""

import asyncio
import contextlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import redis as redis_client

from deploy.demo.docker.engine import connected
from deploy.demo.docker.projects import image_tags
from deploy.demo.http1 import BadAnswer, HttpClient, Target
from deploy.demo.load import Load
from tests.faults.stage import Json, Stage

SAMPLE_SECONDS = 0.05
ROUTE_SECONDS = 0.1
GATEWAY_SECONDS = 30.0
ANSWER_SECONDS = 15.0
CONVERGE_SECONDS = 60.0
POLL_SECONDS = 0.25
RPS = 15.0
COLORS = ("blue", "green")
ROUTED = ("skills", "api")
NO_ANSWER = (BadAnswer, EOFError, OSError)


@dataclass(frozen=True)
class End:
    """The observed state of a stack at the end of a fault; colors are named by role, so that ends can be compared."""

    tag: str | None
    active_running: bool
    idle_running: bool
    idle_kept: bool
    bots: int
    bot_tag: str | None
    route_file_agrees: bool
    paused: bool

    def __str__(self) -> str:
        summary = f"{self.tag} live, {self.bots} bot ({self.bot_tag}), {'paused' if self.paused else 'not paused'}"
        odd = [n for n in ("active_running", "idle_kept", "route_file_agrees") if not getattr(self, n)]
        return ", ".join([summary, *(f"not {n}" for n in odd), *(["idle color runs"] if self.idle_running else [])])


class Watch:
    """Runs clients, and reads the gateway's count every 50 ms and the route file every 100 ms, from entry to `stop`."""

    def __init__(self, stage: Stage, slow_seconds: float) -> None:
        self._stage = stage
        self.load = Load(stage.home.all_targets, RPS, slow_seconds=slow_seconds)
        self.max_bots = 0
        self.split_routes: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._gateway = HttpClient(stage.home.gateway_url, GATEWAY_SECONDS)

    async def __aenter__(self) -> Self:
        with contextlib.suppress(*NO_ANSWER):
            await self._gateway.send("POST", "/reset")
        await self.load.__aenter__()
        for watching in (self._count_bots(), self._read_route_file()):
            self._begin(watching)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, where: TracebackType | None) -> None:
        await self.stop()

    async def stop(self) -> None:
        await self.load.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._gateway.close()

    def _begin(self, watching: Coroutine[None, None, None]) -> None:
        self._tasks.append(asyncio.create_task(watching))

    async def _count_bots(self) -> None:
        """Records the most bots at once. The gateway counts `max` at each open and close; the samples check it."""
        while True:
            with contextlib.suppress(*NO_ANSWER, ValueError):
                counts = json.loads((await self._gateway.send("GET", "/sessions"))[1])
                self.max_bots = max(self.max_bots, counts["open"], counts["max"])
            await asyncio.sleep(SAMPLE_SECONDS)

    async def _read_route_file(self) -> None:
        """Records each time that the file names both colors: such a file was not written with one rename."""
        while True:
            named = colors_in(self._stage.home.route_file)
            if len(named) > 1:
                self.split_routes.append(f"{time.strftime('%H:%M:%S')} {sorted(named)}")
            await asyncio.sleep(ROUTE_SECONDS)


def colors_in(route_file: Path) -> set[str]:
    """The colors in the names of the file's backends, which are services or containers."""
    try:
        text = route_file.read_text("utf-8", "replace")
    except OSError:
        return set()
    return set(re.findall(r"http://[a-z0-9_.-]*-(blue|green)(?:-[0-9]+)?:", text))


async def answers(stage: Stage) -> list[Json]:
    """The answer of each route's /version; `{"status": …}` if the status is not 200."""
    return [await _version_of(target) for target in stage.home.all_targets]


async def _version_of(target: Target) -> Json:
    client = HttpClient(target, ANSWER_SECONDS)
    try:
        status, body = await client.send("GET", "/version")
        found: Json = json.loads(body) if status == httpx.codes.OK else {"status": status}
    except (*NO_ANSWER, ValueError) as error:
        return {"status": type(error).__name__}
    finally:
        await client.close()
    return found


async def end_of(stage: Stage) -> End:
    """The state of the stack now."""
    versions = await answers(stage)
    tags, colors = {a.get("version") for a in versions}, {a.get("color") for a in versions}
    active = colors.pop() if len(colors) == 1 else None
    idle = next((c for c in COLORS if c != active), None)
    states = {
        c["Config"]["Labels"]["com.docker.compose.service"]: c["State"]["Status"] for c in stage.home.containers()
    }
    sessions, status = await stage.home.sessions(), await stage.home.get("/status")
    return End(
        tag=tags.pop() if len(tags) == 1 else None,
        active_running=all(states.get(f"{s}-{active}") == "running" for s in ROUTED),
        idle_running=any(states.get(f"{s}-{idle}") == "running" for s in ROUTED),
        idle_kept=all(f"{s}-{idle}" in states for s in ROUTED),
        bots=sessions["open"],
        bot_tag=sessions["versions"][-1] if sessions["versions"] else None,
        route_file_agrees=colors_in(stage.home.route_file) == {active},
        paused=status["paused"],
    )


async def converge(
    stage: Stage, tag: str | None = None, limit: float = CONVERGE_SECONDS, *, decided: str | None = None
) -> float:
    """Waits until the updater is idle, `tag` (if given) is live, a healthy color serves and one bot runs.

    Returns the seconds that it took. `decided`: the release whose end the history must record.
    Raises TimeoutError with what is still missing.
    """
    started, missing, limit = time.monotonic(), "nothing was checked", limit * stage.patience
    while time.monotonic() - started < limit:
        missing = await _missing(stage, tag) or await _undecided(stage, decided)
        if not missing:
            return time.monotonic() - started
        await asyncio.sleep(POLL_SECONDS)
    raise TimeoutError(f"not converged within {limit:.0f} s: {missing}")


async def _missing(stage: Stage, tag: str | None) -> str:
    try:
        status, versions, sessions = await stage.home.get("/status"), await answers(stage), await stage.home.sessions()
    except (httpx.HTTPError, ValueError, OSError) as error:
        return f"{type(error).__name__} {error}"
    journal, colors = stage.journal(), {a.get("color") for a in versions}
    waits = [r["tag"] for r in journal.get("accepted", [])] if not journal.get("paused") else []
    checks = (
        (status["state"] == "idle" and not status["rollout"], f"/status: {status['current_operation']}"),
        (journal and journal.get("rollout") is None, "the journal has a rollout, or is missing"),
        (not waits, f"{waits} are waiting"),
        (
            status["paused"] == bool(journal.get("paused")),
            "/status and the state file disagree about the pause",
        ),
        (len(colors) == 1 and None not in colors, f"the routes answer {versions}"),
        (tag is None or (status["current"] or {}).get("tag") == tag, f"/status: current is {status['current']}"),
        (tag is None or all(a.get("version") == tag for a in versions), f"the routes serve {versions}"),
        (sessions["open"] == 1, f"{sessions['open']} bots"),
    )
    return "; ".join(text for holds, text in checks if not holds)


async def _undecided(stage: Stage, tag: str | None) -> str:
    if tag is None or any(e["tag"] == tag for e in await history(stage)):
        return ""
    return f"{tag} was accepted, but the history has no decision on it"


async def history(stage: Stage) -> list[Json]:
    entries: list[Json] = (await stage.home.get("/update/history?limit=200"))["entries"]
    return entries


@contextlib.contextmanager
def most_at_once(stage: Stage, label: str) -> Iterator[Counter[tuple[str, str]]]:
    """Counts the most containers, running or not, that existed at once of those that the `with` block creates.

    The keys are the service and the container's value of `label`.
    """
    project = f"com.docker.compose.project={stage.home.project}"
    filters = {"type": "container", "event": ["create", "destroy"], "label": project}
    most: Counter[tuple[str, str]] = Counter()
    with connected(stage.home.engine.host) as client:
        events = client.events(filters=filters, decode=True)
        listening = threading.Thread(target=count_most, args=(events, label, most))
        listening.start()
        try:
            yield most
        finally:
            events.close()
            listening.join()


def count_most(events: Iterable[Json], label: str, most: Counter[tuple[str, str]]) -> None:
    """Counts into `most`, as above, until `events` ends. The end of a container that existed before counts nothing."""
    existing: dict[tuple[str, str], set[str]] = {}
    for event in events:
        labels, container = event["Actor"]["Attributes"], event["Actor"]["ID"]
        kind = labels["com.docker.compose.service"], labels.get(label, "")
        alive = existing.setdefault(kind, set())
        if event["Action"] == "create":
            alive.add(container)
        else:
            alive.discard(container)
        most[kind] = max(most[kind], len(alive))


def release_images(stage: Stage) -> set[str]:
    """The short commit SHAs of the stack's kept images."""
    with connected(stage.home.engine.host) as client:
        tags = image_tags(client)
    own = (tag.rpartition(":") for tag in tags if tag.startswith(f"{stage.home.project}-"))
    return {sha for name, _, sha in own if not name.endswith(("gateway", "traefik"))}


def places_with(stage: Stage, needles: list[str]) -> list[str]:
    """The places where one of `needles` can be read: logs, files, Redis, the metadata of images."""
    wanted = [n.encode() for n in needles]
    files = [*stage.home.log_dir.rglob("*"), *(stage.home.directory / "data" / "logs").rglob("*")]
    files += [stage.journal_file, stage.home.directory / "data" / "history.jsonl", stage.home.route_file]
    found = [_named(str(f.name), f.read_bytes(), wanted) for f in files if f.is_file()]
    with redis_client.Redis.from_url(stage.redis_server.url, socket_timeout=60) as client:
        found += [_named(f"Redis {key!r}", dump_of(client, key), wanted) for key in client.scan_iter()]
    with connected(stage.home.engine.host) as engine:
        for tag in (t for t in image_tags(engine) if t.startswith(f"{stage.home.project}-")):
            image = engine.images.get(tag)
            found.append(_named(f"image {tag}", f"{image.attrs} {image.history()}".encode(), wanted))
    return [place for place in found if place]


def _named(place: str, content: bytes, wanted: list[bytes]) -> str:
    hits = [n.decode() for n in wanted if n in content]
    return f"{', '.join(hits)} in {place}" if hits else ""


def dump_of(client: Any, key: bytes) -> bytes:
    """The value of `key` as text, for every type."""
    readers = {
        b"string": lambda: client.get(key),
        b"hash": lambda: client.hgetall(key),
        b"list": lambda: client.lrange(key, 0, -1),
        b"set": lambda: client.smembers(key),
        b"zset": lambda: client.zrange(key, 0, -1),
        b"stream": lambda: client.xrange(key),
    }
    return repr(readers[client.type(key)]()).encode()


async def command_lines_with(needles: list[str], seen: set[str]) -> None:
    """Adds every command line that contains one of `needles` to `seen`, until the task is cancelled."""
    wanted = [n.encode() for n in needles]
    while True:
        lines = [line for line in _command_lines() if any(n in line for n in wanted)]
        seen |= {f"the command line {line.replace(bytes(1), b' ').decode('utf-8', 'replace')[:300]}" for line in lines}
        await asyncio.sleep(SAMPLE_SECONDS)


def _command_lines() -> Iterator[bytes]:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield file.read_bytes()
