"""`idle`: memory and CPU of the idle web process and worker, against their libraries alone."""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from deploy.bench.method.figures import Figure, Rounds
from deploy.bench.method.proc import cpu_ms, memory_of
from deploy.bench.method.servers import web_process
from deploy.demo.docker.engine import Engine, EngineUnavailable, Say, answering
from deploy.demo.docker.images import ensure_base, ensure_traefik
from deploy.demo.environment import environment
from deploy.demo.listening import UP_SECONDS
from deploy.demo.processes import running

BENCH = "idle"
WINDOW_SECONDS = 12.0
"""Five rounds look at a minute: the worker's timers run every ten seconds and every minute."""

SETTLE_SECONDS = 5.0
"""The wait between the start and the first window, so that the work of starting is over."""

POLL_SECONDS = 0.05
LIBRARIES = "import starlette, hypercorn, redis, arq"
BARE = f'bare python -c "{LIBRARIES}"'
SITTING = f"import signal\n{LIBRARIES}\nprint('ready', flush=True)\nsignal.pause()"
WINDOW = "CPU, of a core"
UNITS = {"Rss": "MiB", "Pss": "MiB", WINDOW: "%"}
TOGETHER, TWICE = "web and worker", f"{BARE}, twice"


def measure(rounds: int, say: Say) -> Iterator[Figure]:
    """Runs all processes at the same time. Every round is one window over all of them."""
    with tempfile.TemporaryDirectory(prefix="zu-bench-") as directory, contextlib.ExitStack() as stack:
        pids = _start(Path(directory), stack, say)
        time.sleep(SETTLE_SECONDS)
        results = Rounds()
        for number in range(1, rounds + 1):
            say(f"{BENCH}: round {number} of {rounds}: {WINDOW_SECONDS:g} s of {', '.join(pids)}")
            before = {name: cpu_ms(pid) for name, pid in pids.items()}
            time.sleep(WINDOW_SECONDS)
            for name, pid in pids.items():
                results.add(name, memory_of(pid) | {WINDOW: core_percent(cpu_ms(pid) - before[name])})
    yield from figures_of(results)


def core_percent(used_ms: float) -> float:
    """Returns the CPU time of a window as the share of one core."""
    return used_ms / WINDOW_SECONDS / 10


def figures_of(results: Rounds) -> Iterator[Figure]:
    """Yields each process against an interpreter, then both together against two."""
    measured = [name for name in results.values if name != BARE]
    for name in measured:
        yield from results.figures(BENCH, name, BARE, UNITS, f"{name}: ")
    if "worker" not in measured:
        return
    both = Rounds()
    for name, parts in ((TOGETHER, ("web", "worker")), (TWICE, (BARE, BARE))):
        for figure in UNITS:
            for values in zip(*(results.values[part][figure] for part in parts), strict=True):
                both.add(name, {figure: sum(values)})
    yield from both.figures(BENCH, TOGETHER, TWICE, UNITS, f"{TOGETHER}: ")


def _start(directory: Path, stack: contextlib.ExitStack, say: Say) -> dict[str, int]:
    log = directory / "bare.log"
    pids = {BARE: stack.enter_context(running(["python", "-c", SITTING], {}, log)).pid}
    deadline = time.monotonic() + UP_SECONDS
    while "ready" not in log.read_text():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{BARE} is not ready within {UP_SECONDS:g} s:\n{log.read_text()}")
        time.sleep(POLL_SECONDS)
    pids["web"] = stack.enter_context(web_process(directory, say)).process.pid
    try:
        pids["worker"] = _worker(directory, stack, say)
    except EngineUnavailable as missing:
        say(f"{BENCH}: skipped the worker: {missing}")
    return pids


def _worker(directory: Path, stack: contextlib.ExitStack, say: Say) -> int:
    host = answering()
    if host is None:
        raise EngineUnavailable("no Docker Engine answers. Start one, or set DOCKER_HOST.")
    base, traefik = ensure_base(host, say), ensure_traefik(host, say)
    home = stack.enter_context(
        environment(directory / "environment", Engine(host, owned=False), base=base, traefik=traefik, say=say)
    )
    return home.processes["worker"].pid
