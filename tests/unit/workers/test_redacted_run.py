"""In a process of its own: the test's own logs stay as they are."""

import json
import subprocess
from pathlib import Path

from tests.unit.forked import run

SCRIPT = """
import sys
from pathlib import Path
from app.domain.errors import EngineFailed
from workers.adapters.redaction import Redactor
from workers.redacted_run import run_redacted

async def work():
    {raises}

run_redacted(work(), Redactor(Path(sys.argv[1])), "did not start.")
"""


def ended(tmp_path: Path, raises: str) -> "subprocess.CompletedProcess[str]":
    (tmp_path / ".env").write_text("API_TOKEN=the-real-value\n")
    return run(SCRIPT.format(raises=raises), tmp_path)


def test_error_at_the_end_shows_no_secret(tmp_path: Path) -> None:
    done = ended(tmp_path, "raise EngineFailed('refused: the-real-value')")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("did not start. ")
    assert done.stderr.endswith("refused: [hidden]\n")


def test_unexpected_error_shows_no_secret(tmp_path: Path) -> None:
    done = ended(tmp_path, "raise ValueError('the-real-value is not a number')")
    assert done.returncode == 1
    assert "ValueError: [hidden] is not a number" in json.loads(done.stdout)["exception"]
    assert "the-real-value" not in done.stdout + done.stderr


def test_end_without_an_error_is_silent(tmp_path: Path) -> None:
    done = ended(tmp_path, "return")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
