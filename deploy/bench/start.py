"""`start`: the time from a process's start until it serves, against an interpreter that only imports its libraries."""

import contextlib
import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from deploy.bench.figures import Figure, Rounds, turns
from deploy.bench.idle import BARE, LIBRARIES
from deploy.demo.engine import Engine, Say, answering
from deploy.demo.environment import Environment, environment
from deploy.demo.images import ensure_base, ensure_traefik
from deploy.demo.processes import end_group

BENCH = "start"
UP_SECONDS = 60.0
LOOK_SECONDS = 0.002
UNITS = {"web: start to first 200 of /health": "ms", "worker: start to recovered, status published": "ms"}
WEB, WORKER = UNITS


def measure(rounds: int, say: Say) -> Iterator[Figure]:
    """Restarts each of an environment's two processes in every round, while the other one runs."""
    host = answering()
    if host is None:
        say(f"{BENCH}: skipped: no Docker Engine answers, and the worker needs one. Set DOCKER_HOST.")
        return
    results = Rounds()
    base, traefik = ensure_base(host, say), ensure_traefik(host, say)
    with (
        tempfile.TemporaryDirectory(prefix="zu-bench-") as directory,
        environment(Path(directory) / "env", Engine(host, owned=False), base=base, traefik=traefik, say=say) as home,
    ):
        contenders: list[Callable[[], dict[str, float]]] = [_bare, lambda: _web(home), lambda: _worker(home)]
        for number, order in enumerate(turns(contenders, rounds), start=1):
            say(f"{BENCH}: round {number} of {rounds}")
            for contender in order:
                results.add(BARE if contender is _bare else "ours", contender())
    yield from results.figures(BENCH, "ours", BARE, UNITS)


def _bare() -> dict[str, float]:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", LIBRARIES], check=True, timeout=UP_SECONDS)
    return dict.fromkeys(UNITS, _ms_since(began))


def _web(home: Environment) -> dict[str, float]:
    return {WEB: _started(home, "web", lambda: _answers(f"{home.internal_url}/health"))}


def _worker(home: Environment) -> dict[str, float]:
    lease = home.directory / "data" / "updater-state.json.lock"
    return {WORKER: _started(home, "worker", lambda: _works(lease, home.processes["worker"].pid))}


def _started(home: Environment, name: str, up: Callable[[], bool]) -> float:
    """Restarts the process. Returns the milliseconds until it is up."""
    end_group(home.processes[name])
    began = time.monotonic()
    home.start(name)
    while not up():
        if home.processes[name].poll() is not None or time.monotonic() > began + UP_SECONDS:
            raise RuntimeError(f"{name} did not start within {UP_SECONDS:g} s; see {home.log_dir}")
        time.sleep(LOOK_SECONDS)
    return _ms_since(began)


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    with contextlib.closing(http.client.HTTPConnection(parts.netloc, timeout=1)) as connection:
        try:
            connection.request("GET", parts.path)
            return connection.getresponse().status == http.client.OK
        except (http.client.HTTPException, OSError):
            return False


def _works(lease: Path, pid: int) -> bool:
    """Returns whether the worker works, by the criterion of `python -m workers.alive`."""
    with contextlib.suppress(OSError, ValueError):
        holder = json.loads(lease.read_text())
        return holder.get("pid") == pid and holder.get("works") is True
    return False


def _ms_since(began: float) -> float:
    return 1000 * (time.monotonic() - began)
