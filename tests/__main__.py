"""`bin/test`: runs pytest with its arguments; without any, all tests, the rows of the fault table last and alone.

Whatever ends it, no process of the tests is left.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from deploy.demo.docker.engine import OWN_ENGINE, EngineUnavailable, docker_engine, exit_on_sigterm
from deploy.demo.docker.images import ensure_base, ensure_traefik
from deploy.demo.redis_server import redis_binary
from tests.supervision import nothing_left, wait

STREAMS = 6
"""Test files that run at once: tests mostly wait, so this many keep two cores busy."""

END_SECONDS = 120.0
"""Time for interrupted tests to stop what they started. What then still runs is killed."""

# In the order of tests/schedule.py; by default files with few tests would run last.
TOGETHER = ("-m", "not faults and not swarm", "-n", str(STREAMS), "--dist", "loadfile", "--no-loadscope-reorder")
ROWS = ("tests/faults", "-m", "faults", "-o", "faulthandler_timeout=1200", "-rP")  # prints each row's line


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 when all passed. `arguments` are pytest's; without any, everything runs."""
    exit_on_sigterm()
    try:
        with nothing_left(_say):
            return _pytest(dict(os.environ), *arguments, stdin=None) if arguments else _everything()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _everything() -> int:
    _ensure_redis()
    try:
        with docker_engine(_say) as engine:
            ensure_base(engine.host, _say)
            ensure_traefik(engine.host, _say)
            env = {name: value for name, value in os.environ.items() if name != OWN_ENGINE}
            return _both({**env, "DOCKER_HOST": engine.host})
    except EngineUnavailable as missing:
        if os.environ.get("CI"):
            raise
        _say(f"Tests that need a Docker Engine are skipped. {missing}")
        return _both(dict(os.environ))


def _ensure_redis() -> None:
    """Installs Redis before the parallel tests start, because their output would hide the installer's messages."""
    try:
        redis_binary(_say)
    except EngineUnavailable as missing:
        if os.environ.get("CI"):
            raise
        _say(f"Tests that need Redis are skipped. {missing}")


def _both(env: dict[str, str]) -> int:
    together = _pytest(env, *TOGETHER)
    _say("Playing the rows of the fault table, several at once; each row is a test.")
    return max(together, _pytest(env, *ROWS))


def _pytest(env: dict[str, str], *arguments: str, stdin: int | None = subprocess.DEVNULL) -> int:
    """Runs pytest. A signal that ends this process ends pytest first, which ends what the tests have started."""
    running = subprocess.Popen([sys.executable, "-m", "pytest", *arguments], env=env, stdin=stdin)
    try:
        return int(wait(running) or 0)
    except KeyboardInterrupt:  # the terminal has sent it to pytest too
        wait(running, END_SECONDS)
        raise
    except SystemExit:
        running.terminate()
        wait(running, END_SECONDS)
        raise


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
