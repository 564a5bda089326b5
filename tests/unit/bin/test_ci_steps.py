"""`.ci/steps` runs the schedules and the unit tests on other Pythons at once, and bin/test only after all passed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.demo.processes import ROOT

PYTHONS = """
say() { printf '%s\\n' "$*" >&2; }
die() { say "error: $*"; exit 2; }
python_version() { echo 3.11.2; }
pythons() { printf '%s\\n' '3.11.2 /a/python' '3.12.1 /b/python' '3.13.0 /c/python'; }
"""

COMMAND = """#!/usr/bin/env bash
name=$(basename "$0"); [ $# = 0 ] || name+=-$(basename "$(dirname "$2")")
touch "$name.began"
for other in $AT_ONCE; do
  [[ " $AT_ONCE " == *" $name "* ]] || break
  timeout 20 bash -c "until [ -e $other.began ]; do sleep 0.02; done" || exit 9
done
echo "$name has ended" | tee --append order
[[ " $FAILS " != *" $name "* ]]
"""
"""Each of $AT_ONCE ends only after all of them began."""

AT_ONCE = ("simulate", "test-b", "test-c")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose commands only record that they ran."""
    for name in (".ci", "bin", ".cache"):
        (tmp_path / name).mkdir()
    for name in ("steps", "other-pythons"):
        shutil.copy(ROOT / ".ci" / name, tmp_path / ".ci")
    (tmp_path / "bin" / "_python").write_text(PYTHONS)
    for name in ("check", "simulate", "test"):
        (tmp_path / "bin" / name).write_text(COMMAND)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def steps(checkout: Path, fails: str = "") -> tuple[int, list[str]]:
    """The exit code, and the commands in the order in which they ended."""
    env = {**os.environ, "AT_ONCE": " ".join(AT_ONCE), "FAILS": fails}
    done = subprocess.run(
        [".ci/steps"], cwd=checkout, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    print(done.stdout, done.stderr)
    return done.returncode, [line.split(" ")[0] for line in (checkout / "order").read_text().splitlines()]


def test_checks_that_wait_run_at_once(checkout: Path) -> None:
    code, ended = steps(checkout)
    assert (code, ended[0], sorted(ended[1:4]), ended[4:]) == (0, "check", sorted(AT_ONCE), ["test"])


@pytest.mark.parametrize("fails", AT_ONCE)
def test_failed_check_fails_the_run_before_bin_test(checkout: Path, fails: str) -> None:
    code, ended = steps(checkout, fails)
    assert code != 0
    assert sorted(ended[1:]) == sorted(AT_ONCE)


def test_failed_lint_ends_the_run(checkout: Path) -> None:
    code, ended = steps(checkout, "check")
    assert (code != 0, ended) == (True, ["check"])
