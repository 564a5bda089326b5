"""`bin/test`: runs all tests on one Docker Engine; the rows of the fault table run last, alone."""

import os
import subprocess
import sys

from deploy.demo.engine import OWN_ENGINE, EngineUnavailable, docker_engine, exit_on_sigterm
from deploy.demo.images import ensure_base, ensure_traefik
from deploy.demo.redis_server import redis_binary

STREAMS = 3
"""Test files that run at once: tests mostly wait, so this many keep two cores busy."""

LEAVE_SECONDS = 60.0
"""Time for interrupted tests to stop what they started."""

# In the order of their names, which puts the long files first: by default files with few tests would run last.
TOGETHER = ("-m", "not faults", "-n", str(STREAMS), "--dist", "loadfile", "--no-loadscope-reorder")
ROWS = ("tests/faults", "-m", "faults", "-o", "faulthandler_timeout=1200", "-rP")  # prints each row's line


def main() -> int:
    """The exit code: 0 when all passed."""
    exit_on_sigterm()
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


def _pytest(env: dict[str, str], *arguments: str) -> int:
    with subprocess.Popen([sys.executable, "-m", "pytest", *arguments], env=env, stdin=subprocess.DEVNULL) as running:
        try:
            return running.wait()
        except BaseException:
            running.terminate()
            running.wait(LEAVE_SECONDS)
            raise


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
