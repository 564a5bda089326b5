"""The commands that move a worker's state, as a process of the worker's code."""

from pathlib import Path

import pytest

from app.cli.errors import Refused
from app.cli.moved_state import move

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("command", ["export-state", "import-state"])
def test_refusal_of_the_worker_is_the_commands(command: str, tmp_path: Path) -> None:
    environ = {
        "REDIS_URL": "redis://redis",
        "UPDATER_STACK_FILE": str(ROOT / "config" / "stack.yml"),
        "UPDATER_DATA_DIR": str(tmp_path),
        "UPDATER_TRAEFIK_DYNAMIC_PATH": str(tmp_path),
    }
    with pytest.raises(Refused, match=r"The state was not moved.*`engine: compose`"):
        move(command, tmp_path / "state.tgz", environ)
    with pytest.raises(Refused, match="REDIS_URL: is not set"):
        move(command, tmp_path / "state.tgz", {})
