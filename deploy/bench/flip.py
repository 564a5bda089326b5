"""`flip`: how soon Traefik answers from the new color, and what a flip under load loses."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from app.domain.stack import Color, Stack
from deploy.bench.method.backends import stack_of, traefik, two_colors
from deploy.bench.method.client import Run, connected
from deploy.bench.method.figures import Figure, Rounds, turns
from deploy.bench.method.servers import Missing
from deploy.demo.docker.engine import Say
from deploy.demo.http1 import BadAnswer, request
from workers.adapters.traefik.route_file import RouteFile, file_name
from workers.routing import route_file

BENCH = "flip"
THROTTLE, DEFAULT_THROTTLE = "100ms", "2s"
SETTLE_SECONDS = 2.5
"""The wait before a timed flip: longer than the longest throttle, so that the previous flip's throttle is over."""

ANSWER_SECONDS = 15.0
LOOK_SECONDS = 0.002
TIMED_FLIPS = 3
LOADED_FLIPS = 10
FLIP_INTERVAL = 0.5
CONNECTIONS, REQUESTS_PER_SECOND = 10, 300.0
ASK = request("GET", "/", {})

OURS, INSIDE = "ours", "staged in the watched directory, throttle 2 s"
RENAMED, IN_PLACE = "a bare rename, the same throttle", "truncated and written in place"
LATENCY = {"rename to first new answer": "ms", "rename to first new answer: longest": "ms"}
LOSS = {"lost requests": "%"}

Flip = Callable[[Color, str], Awaitable[None]]


@dataclass(frozen=True)
class Contender:
    """One way to flip, and the port of its Traefik."""

    name: str
    port: int
    flip: Flip


def measure(rounds: int, say: Say) -> Iterator[Figure]:
    """Measures latencies one flip at a time, and losses under load."""
    with tempfile.TemporaryDirectory(prefix="zu-bench-") as directory:
        try:
            latency, loss = asyncio.run(_measure(Path(directory), rounds, say))
        except Missing as missing:
            say(f"{BENCH}: skipped: {missing}")
            return
    for reference in (RENAMED, INSIDE):
        yield from latency.figures(BENCH, OURS, reference, LATENCY)
    yield from loss.figures(BENCH, OURS, IN_PLACE, LOSS)


async def _measure(directory: Path, rounds: int, say: Say) -> tuple[Rounds, Rounds]:
    latency, loss = Rounds(), Rounds()
    async with two_colors() as port, contextlib.AsyncExitStack() as stack:
        add = _Contenders(directory, stack_of(port), stack)
        ours = await add(OURS, THROTTLE, lambda file, s: RouteFile(file, s).flip)
        renamed = await add(RENAMED, THROTTLE, staged_beside)
        inside = await add(INSIDE, DEFAULT_THROTTLE, staged_inside)
        in_place = await add(IN_PLACE, THROTTLE, written_in_place)
        for number, turn in enumerate(turns([ours, renamed, inside], rounds), 1):
            say(f"{BENCH}: round {number} of {rounds}: {TIMED_FLIPS} flips each, one at a time")
            for contender in turn:
                latency.add(contender.name, latency_of(await _timed(contender)))
        for number, turn in enumerate(turns([ours, in_place], rounds), 1):
            say(f"{BENCH}: round {number} of {rounds}: {LOADED_FLIPS} flips each at {REQUESTS_PER_SECOND:g} requests/s")
            for contender in turn:
                loss.add(contender.name, {"lost requests": lost_percent(await _loaded(contender))})
    return latency, loss


@dataclass(frozen=True)
class _Contenders:
    """Starts a Traefik for each contender, on its own directory, with blue active."""

    directory: Path
    stack: Stack
    exits: contextlib.AsyncExitStack

    async def __call__(self, name: str, throttle: str, make: Callable[[Path, Stack], Flip]) -> Contender:
        watched = self.directory / str(len(list(self.directory.iterdir()))) / "dynamic"
        watched.mkdir(parents=True)
        (watched / file_name(self.stack)).write_text(route_file.render(self.stack, Color.BLUE, "start"))
        server = self.exits.enter_context(traefik(watched, throttle))
        contender = Contender(name, server.port, make(watched, self.stack))
        await _first_answer(contender.port, Color.BLUE)
        return contender


def staged_beside(watched: Path, stack: Stack) -> Flip:
    """Renames and does nothing else: no write is forced to the disk, and nothing is checked."""

    async def flip(color: Color, rollout: str) -> None:
        staged = watched.parent / file_name(stack)
        staged.write_text(route_file.render(stack, color, rollout))
        staged.replace(watched / file_name(stack))

    return flip


def staged_inside(watched: Path, stack: Stack) -> Flip:
    """Renames as we do, but writes the new file into the watched directory first."""

    async def flip(color: Color, rollout: str) -> None:
        staged = watched / f"{file_name(stack)}.new"
        staged.write_text(route_file.render(stack, color, rollout))
        staged.replace(watched / file_name(stack))

    return flip


def written_in_place(watched: Path, stack: Stack) -> Flip:
    """Writes without a rename, as an editor or a shell's `>` does."""

    async def flip(color: Color, rollout: str) -> None:
        (watched / file_name(stack)).write_text(route_file.render(stack, color, rollout))

    return flip


def latency_of(took_ms: list[float]) -> dict[str, float]:
    """Returns the figures of a round's flips."""
    return dict(zip(LATENCY, (median(took_ms), max(took_ms)), strict=True))


async def _timed(contender: Contender) -> list[float]:
    """Returns the milliseconds of each flip. Either color may be active before."""
    took: list[float] = []
    async with connected(contender.port) as connection:
        _, active = await connection.ask(ASK)
    color = Color(active.decode())
    for _ in range(TIMED_FLIPS):
        color = color.other
        await asyncio.sleep(SETTLE_SECONDS)
        started = time.perf_counter()
        await contender.flip(color, f"r-{started}")
        await _first_answer(contender.port, color)
        took.append((time.perf_counter() - started) * 1000)
    return took


async def _first_answer(port: int, color: Color) -> None:
    """Waits for the first answer from `color`. Raises TimeoutError after ANSWER_SECONDS."""
    async with asyncio.timeout(ANSWER_SECONDS), connected(port) as connection:
        while (await connection.ask(ASK))[1] != color.encode():
            await asyncio.sleep(LOOK_SECONDS)


async def _loaded(contender: Contender) -> Run:
    """Flips under load. Returns what the clients saw. A broken connection counts as status 0."""
    run = Run()
    async with _asking(contender.port, run):
        color = Color.BLUE
        for number in range(LOADED_FLIPS):
            color = color.other
            await asyncio.sleep(FLIP_INTERVAL)
            await contender.flip(color, f"r-{number}")
        await asyncio.sleep(FLIP_INTERVAL)
    return run


@contextlib.asynccontextmanager
async def _asking(port: int, run: Run) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(_ask_until(stop, port, run))
        try:
            yield
        finally:
            stop.set()


async def _ask_until(stop: asyncio.Event, port: int, run: Run) -> None:
    """Runs one client at its share of the rate. It reconnects after a broken connection."""
    due, interval = time.perf_counter(), CONNECTIONS / REQUESTS_PER_SECOND
    while not stop.is_set():
        try:
            async with connected(port) as connection:
                while not stop.is_set():
                    status, _ = await connection.ask(ASK)
                    run.statuses[status] += 1
                    due += interval
                    await asyncio.sleep(max(0.0, due - time.perf_counter()))
        except (BadAnswer, OSError, EOFError):
            run.statuses[0] += 1


def lost_percent(run: Run) -> float:
    """Returns the percentage of the requests that were not answered with 200."""
    return 100 * (1 - run.statuses[200] / run.statuses.total())
