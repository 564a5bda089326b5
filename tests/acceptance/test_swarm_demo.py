"""`bin/demo --engine swarm` as root runs it: both releases end as expected, and nothing is left, also on a signal."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.demo.swarm.play import HOME
from tests.acceptance.demo_run import Interrupt, ended_demo

pytestmark = [
    pytest.mark.swarm,
    pytest.mark.skipif(os.geteuid() != 0, reason="not available here: network namespaces need root"),
]

SWARM_DEMO_SECONDS = 1_800.0
"""The engines of two nodes start, and two releases go through, on a busy machine too."""

IP_SECONDS = 60


@dataclass(frozen=True)
class Machine:
    """What a demo could leave: network interfaces, namespaces, mounts, and processes that use `directory` or HOME."""

    interfaces: frozenset[str]
    namespaces: str
    mounts: frozenset[str]
    processes: frozenset[str]


def machine(directory: str) -> Machine:
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    commands = {str(file.parent.name): _words(file) for file in Path("/proc").glob("[0-9]*/cmdline")}
    return Machine(
        frozenset(each.name for each in Path("/sys/class/net").iterdir()),
        subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True, timeout=IP_SECONDS).stdout,
        frozenset(line.split()[4] for line in mounts),
        frozenset(f"{pid}: {words}" for pid, words in commands.items() if directory in words or str(HOME) in words),
    )


def _words(file: Path) -> str:
    try:
        return file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""  # it has just ended


@pytest.fixture
def directory() -> Iterator[str]:
    """For the demo's temporary files. Checks that nothing is left of it."""
    with tempfile.TemporaryDirectory(prefix="zu-") as temporary:
        before = machine(temporary)
        yield temporary
        assert list(Path(temporary).iterdir()) == []
        assert machine(temporary) == before


async def test_release_goes_live_and_the_next_one_survives_a_lost_node(directory: str) -> None:
    run = await ended_demo({"TMPDIR": directory}, "--engine", "swarm", "--json", limit=SWARM_DEMO_SECONDS)
    assert run.code == 0, run.log
    live, loss = run.outcome, run.outcome["node_loss"]
    assert (live["result"], live["tag_live"], live["active_color"]) == ("success", "v1.1.0", "green")
    assert (live["failed_requests"], live["green_containers"], live["max_bots"]) == (0, 2, 1)
    assert live["requests"] >= 2_000
    assert (loss["node"], loss["result"], loss["tag_live"]) == ("node2", "failed", "v1.1.0")
    assert (loss["later_failed"], loss["max_bots"], loss["active_color"]) == (0, 1, "green")
    nodes = {node["name"]: (node["role"], node["state"]) for node in live["nodes"]}
    assert nodes == {"node1": ("manager", "ready"), "node2": ("worker", "down")}
    assert [node["tasks"] > 0 for node in live["nodes"]] == [True, False]


@pytest.mark.parametrize(
    "interrupt", [Interrupt("publishing v1.1.0", signal.SIGTERM), Interrupt("loses its power", signal.SIGINT)]
)
async def test_signal_ends_everything(directory: str, interrupt: Interrupt) -> None:
    words = ("--engine", "swarm")
    run = await ended_demo({"TMPDIR": directory}, *words, interrupt=interrupt, limit=SWARM_DEMO_SECONDS)
    assert run.code != 0
