"""`bin/test` that a signal ends in the middle of a test leaves nothing behind."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.demo.docker.engine import Engine, connected
from deploy.demo.processes import ROOT
from tests.integration.waiting import until
from tests.supervision import descendants

pytestmark = pytest.mark.redis

START_SECONDS, END_SECONDS = 300.0, 300.0
PROJECT, FILES = "com.docker.compose.project", "com.docker.compose.project.config_files"

REDIS_AND_WEB = "tests/integration/web/server/test_stopping.py"
GITHUB = "tests/integration/github/test_kill.py"


@contextlib.contextmanager
def bin_test(*arguments: str, module: str = "tests", **env: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Runs what `bin/test` runs, without its check of the Python environment. `module`: `pytest` is a part of that."""
    command = [sys.executable, "-m", module, *arguments, "-q", "-p", "no:cacheprovider"]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **env}, stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def started(pids: list[int]) -> dict[int, str]:
    """The start times of the processes, which tell a process from a later one with its number."""
    found = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            found[pid] = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return found


def command_lines(pids: list[int]) -> str:
    lines = []
    for pid in pids:
        with contextlib.suppress(OSError):
            lines.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
    return "\n".join(lines)


async def runs(process: "subprocess.Popen[bytes]", *words: str) -> dict[int, str]:
    """Waits until there is a process of the run for each of `words`. Returns all of them, with their start times."""

    def all_run() -> bool:
        assert process.poll() is None, "the tests ended before they were in the middle"
        lines = command_lines(descendants(process.pid))
        return all(word in lines for word in words)

    await until(all_run, START_SECONDS)
    return started(descendants(process.pid))


def left_of(seen: dict[int, str]) -> str:
    return command_lines([pid for pid, since in started(list(seen)).items() if seen[pid] == since])


@pytest.mark.parametrize(("module", "code"), [("tests", 128 + signal.SIGTERM), ("pytest", pytest.ExitCode.INTERRUPTED)])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((REDIS_AND_WEB,), ("redis-server", "app.main")),
        ((GITHUB,), ("github.server", "github.telling")),
        ((REDIS_AND_WEB, GITHUB, "-n", "2", "--dist", "loadfile"), ("redis-server", "app.main", "github.server")),
    ],
    ids=["redis and web", "github", "in parallel"],
)
async def test_sigterm_ends_all_processes(
    arguments: tuple[str, ...], words: tuple[str, ...], module: str, code: int
) -> None:
    with bin_test(*arguments, module=module) as process:
        seen = await runs(process, *words)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == code
    assert left_of(seen) == ""


async def test_killed_pytest_leaves_no_process() -> None:
    """Its fixtures end nothing then."""
    with bin_test(REDIS_AND_WEB) as process:
        seen = await runs(process, "redis-server", "app.main")
        (own,) = [pid for pid in seen if "-m pytest" in command_lines([pid])]
        os.kill(own, signal.SIGKILL)
        assert process.wait(END_SECONDS) != 0
    assert left_of(seen) == ""


@pytest.mark.engine
async def test_sigterm_removes_containers_and_networks(engine: Engine, images: tuple[str, str], tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    arguments = ("tests/integration/contracts/test_engine.py", "-k", "TestDockerEngine", "--basetemp", str(inner))
    with bin_test(*arguments, DOCKER_HOST=engine.host) as process, connected(engine.host) as client:
        found: list[str] = []

        def begun() -> bool:
            assert process.poll() is None, "the tests ended before they were in the middle"
            containers = client.containers.list(all=True, ignore_removed=True)
            found.extend(str(c.labels[PROJECT]) for c in containers if str(inner) in c.labels.get(FILES, ""))
            return bool(found)

        await until(begun, START_SECONDS)
        name = found[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 128 + signal.SIGTERM
        filters: dict[str, str | list[str] | bool] = {"label": f"{PROJECT}={name}"}
        assert client.containers.list(all=True, filters=filters) == []
        assert client.networks.list(filters=filters) == []
