"""`bin/test`: all the tests, on one Docker Engine; the rows of the fault table last, when nothing else runs."""

import os
import subprocess
import sys

from deploy.demo.engine import OWN_ENGINE, EngineUnavailable, docker_engine, exit_on_sigterm
from deploy.demo.images import ensure_base, ensure_traefik
from deploy.demo.redis_server import redis_binary

STREAMS = 3
"""Files of tests at once: most of a test is waiting, so that so many keep two cores busy."""

LEAVE_SECONDS = 60.0
"""For tests that are broken off to end what they started."""

# In the order of their names, which has the long ones first: by default those with the fewest tests come last.
TOGETHER = ("-m", "not faults", "-n", str(STREAMS), "--dist", "loadfile", "--no-loadscope-reorder")
ROWS = ("tests/faults", "-m", "faults", "-o", "faulthandler_timeout=1200", "-rP")  # each row's line is worth printing


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
        _say(f"What needs a Docker Engine is skipped. {missing}")
        return _both(dict(os.environ))


def _ensure_redis() -> None:
    """Before the tests run at once: a message of theirs about the installation would not be seen."""
    try:
        redis_binary(_say)
    except EngineUnavailable as missing:
        if os.environ.get("CI"):
            raise
        _say(f"Tests that need Redis are skipped. {missing}")


def _both(env: dict[str, str]) -> int:
    together = _pytest(env, *TOGETHER)
    _say("the rows of the fault table, several at once; each is a test")
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
