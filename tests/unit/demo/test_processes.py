import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.demo.processes import PORTS, ROOT, end_group, free_port, procfile_commands, running

LIMIT = 120.0
ENDS_AT_SIGTERM = "import signal; print('ready', flush=True); signal.pause()"
IGNORES_SIGTERM = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {ENDS_AT_SIGTERM}"


def with_grandchild(script: str) -> str:
    """Source of a process that starts a child with `script`; both write to the same standard output."""
    return f"import subprocess, sys, signal; subprocess.Popen([sys.executable, '-c', {script!r}]); signal.pause()"


def started(script: str) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def remaining_output(process: "subprocess.Popen[bytes]") -> bytes:
    """Read the output until the last process that holds it has ended. Raises TimeoutExpired."""
    return process.communicate(timeout=LIMIT)[0]


def test_concurrent_processes_get_different_ports() -> None:
    script = (
        "from deploy.demo.processes import free_port; print(*[free_port() for _ in range(60)], flush=True); input()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    procs = [subprocess.Popen([sys.executable, "-c", script], **pipes) for _ in range(6)]  # type: ignore[call-overload]
    try:
        lines = [process.stdout.readline() for process in procs]  # of every process, before any has ended
    finally:
        for process in procs:
            process.communicate("\n", timeout=LIMIT)
    ports = [int(port) for line in lines for port in line.split()]
    assert len(set(ports)) == len(ports) == 360
    assert set(ports) <= set(PORTS)


def test_port_in_use_is_not_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr("deploy.demo.processes.PORTS", range(port, port + 1))
        with pytest.raises(RuntimeError, match="are in use"):
            free_port()


def test_a_procfile_is_read_by_name() -> None:
    text = "# both\nweb: python -m app.main\n\nworker:python -c 'print(1 + 1)'\nclock: a b:c\n"
    assert procfile_commands(text) == {
        "web": ["python", "-m", "app.main"],
        "worker": ["python", "-c", "print(1 + 1)"],
        "clock": ["a", "b:c"],
    }


def test_projects_procfile_has_both_processes() -> None:
    assert procfile_commands((ROOT / "Procfile").read_text()).keys() == {"web", "worker"}


@pytest.mark.parametrize(
    "grandchild", [ENDS_AT_SIGTERM, IGNORES_SIGTERM], ids=["one that SIGTERM ends", "one that ignores SIGTERM"]
)
def test_the_group_ends_with_its_grandchildren(grandchild: str) -> None:
    process = started(with_grandchild(grandchild))
    assert process.stdout is not None
    with process.stdout:
        end_group(process, LIMIT)
        assert process.returncode == -signal.SIGTERM
        assert remaining_output(process) == b""


def test_stubborn_process_is_killed() -> None:
    process = started(IGNORES_SIGTERM)
    assert process.stdout is not None
    with process.stdout:
        end_group(process, 0.1)
    assert process.returncode == -signal.SIGKILL


def test_group_of_an_ended_process_ends_too() -> None:
    process = started(f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {ENDS_AT_SIGTERM!r}])")
    assert process.stdout is not None
    with process.stdout:
        assert process.wait(LIMIT) == 0
        end_group(process)
        assert remaining_output(process) == b""


def test_process_gets_interpreter_and_environment(tmp_path: Path) -> None:
    log = tmp_path / "it.log"
    script = "import os, sys; print(sys.prefix, os.getcwd(), os.environ['GIVEN']); print('error', file=sys.stderr)"
    with running(["python", "-c", script], {"GIVEN": "value"}, log) as process:
        assert process.wait(LIMIT) == 0
    assert sorted(log.read_text().splitlines()) == sorted([f"{sys.prefix} {ROOT} value", "error"])


def test_process_ends_even_when_the_block_fails(tmp_path: Path) -> None:
    script = "import signal; signal.pause()"
    with (
        pytest.raises(RuntimeError, match="the block failed"),
        running(["python", "-c", script], {}, tmp_path / "it.log") as process,
    ):
        raise RuntimeError("the block failed")
    assert process.returncode == -signal.SIGTERM
