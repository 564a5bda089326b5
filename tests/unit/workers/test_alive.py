import json
import socket
import time
from pathlib import Path

import pytest

from app.config.locations import journal_in, lease_beside
from workers.adapters.disk.lease import LEASE_SECONDS, Lease
from workers.alive import SILENT_SECONDS, problem


async def test_worker_with_the_lease_is_healthy(tmp_path: Path) -> None:
    lease = tmp_path / "state.json.lock"
    held = Lease(lease)
    async with held.held():
        assert "has not finished" in str(problem(lease, socket.gethostname(), time.clock_gettime(time.CLOCK_BOOTTIME)))
        held.works()
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        assert problem(lease, socket.gethostname(), now) is None
        assert "another worker" in str(problem(lease, "successor", now))
        assert "silent for" in str(problem(lease, socket.gethostname(), now + SILENT_SECONDS + 1))


@pytest.mark.parametrize("content", [None, "", "[]", json.dumps({"awake_at": "x", "host": "h"}), '{"pid": 1}'])
def test_invalid_lease_is_not_healthy(tmp_path: Path, content: str | None) -> None:
    lease = tmp_path / "lock"
    if content is not None:
        lease.write_text(content)
    assert "does not name" in str(problem(lease, "h", 0))


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({}, "/app/data/updater-state.json.lock"),
        ({"UPDATER_DATA_DIR": "/srv/u"}, "/srv/u/updater-state.json.lock"),
        ({"UPDATER_DATA_DIR": "/srv/u", "UPDATER_STATE_PATH": "/x/s.json"}, "/x/s.json.lock"),
    ],
)
def test_the_lease_is_beside_the_journal(environ: dict[str, str], path: str) -> None:
    assert lease_beside(journal_in(environ)) == Path(path)


def test_silence_limit_equals_the_lease() -> None:
    assert SILENT_SECONDS == LEASE_SECONDS
