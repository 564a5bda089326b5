"""`start`: what it costs to start a process, against an interpreter that only imports its libraries."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from deploy.bench.idle import BARE, LIBRARIES
from deploy.bench.method.figures import Figure, Rounds, turns
from deploy.bench.method.proc import cpu_ms
from deploy.demo.docker.engine import Engine, Say, answering
from deploy.demo.docker.images import ensure_base, ensure_traefik
from deploy.demo.environment import Environment, environment
from deploy.demo.processes import ROOT, end_group

BENCH = "start"
UP_SECONDS = 60.0
LOOK_SECONDS = 0.002
MODULES = ("app.main", "workers.main", "app.cli.main, app.cli.commands")
IMPORTED = {f"CPU of import {module}": "ms" for module in MODULES}
WALL = {"web: start to first 200 of /health": "ms", "worker: start to recovered, status published": "ms"}
CPU = {"web: CPU until then": "ms", "worker: CPU until then": "ms"}
WEB, WORKER = zip(WALL, CPU, strict=True)


def measure(rounds: int, say: Say) -> Iterator[Figure]:
    """Measures the imports. Then every round restarts each of an environment's processes, while the other one runs."""
    yield from _imports(rounds, say).figures(BENCH, "ours", BARE, IMPORTED)
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
    yield from results.figures(BENCH, "ours", BARE, WALL | CPU)


def _imports(rounds: int, say: Say) -> Rounds:
    """Imports each module, and the libraries alone, in a new interpreter. Needs no engine."""
    results, statements = Rounds(), {BARE: LIBRARIES, **{module: f"import {module}" for module in MODULES}}
    for statement in statements.values():
        interpreter_ms(statement)  # warm up: afterwards the files are cached and compiled
    for number, order in enumerate(turns(list(statements), rounds), start=1):
        say(f"{BENCH}: round {number} of {rounds}: imports")
        for name in order:
            _, used = interpreter_ms(statements[name])
            if name == BARE:
                results.add(BARE, dict.fromkeys(IMPORTED, used))
            else:
                results.add("ours", {f"CPU of import {name}": used})
    return results


def interpreter_ms(statement: str) -> tuple[float, float]:
    """Runs `statement` in a new interpreter. Returns its wall and CPU time in milliseconds. Raises RuntimeError."""
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "-c", statement], cwd=ROOT)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{statement!r} failed with exit code {process.returncode}")
    return _ms_since(began), 1000 * (used.ru_utime + used.ru_stime)


def _bare() -> dict[str, float]:
    wall, cpu = interpreter_ms(LIBRARIES)
    return dict.fromkeys(WALL, wall) | dict.fromkeys(CPU, cpu)


def _web(home: Environment) -> dict[str, float]:
    return dict(zip(WEB, _started(home, "web", lambda: _answers(f"{home.internal_url}/health")), strict=True))


def _worker(home: Environment) -> dict[str, float]:
    lease = home.directory / "data" / "updater-state.json.lock"
    up = _started(home, "worker", lambda: _works(lease, home.processes["worker"].pid))
    return dict(zip(WORKER, up, strict=True))


def _started(home: Environment, name: str, up: Callable[[], bool]) -> tuple[float, float]:
    """Restarts the process. Returns the wall and CPU time until it is up, in milliseconds."""
    end_group(home.processes[name])
    began = time.monotonic()
    home.start(name)
    while not up():
        if home.processes[name].poll() is not None or time.monotonic() > began + UP_SECONDS:
            raise RuntimeError(f"{name} did not start within {UP_SECONDS:g} s; see {home.log_dir}")
        time.sleep(LOOK_SECONDS)
    return _ms_since(began), cpu_ms(home.processes[name].pid)


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
