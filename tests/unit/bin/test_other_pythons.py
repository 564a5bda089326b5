""".ci/other-pythons, with interpreters and a bin/test of its own."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.demo.processes import ROOT

TESTS = """#!/bin/sh
echo "$*" >>"$0.calls"
case $* in
  *3.13*) echo "1 failed"; exit 1 ;;
  *) echo "9 passed" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of the script; the fake tests fail on 3.13."""
    for file in (".ci/other-pythons", "bin/_python"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    made(tmp_path / "bin/test", TESTS)
    made(tmp_path / ".venv/bin/python", "#!/bin/sh\necho 3.11.7\n")
    return tmp_path


def made(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)


def run(checkout: Path, *versions: str) -> "subprocess.CompletedProcess[str]":
    pyenv = checkout / "pyenv"
    for version in versions:
        made(pyenv / "versions" / version / "bin/python3", f"#!/bin/sh\necho {version}\n")
    tools = checkout / "tools"  # those of the machine, but none of its Pythons
    made(tools / "nproc", "#!/bin/sh\necho 2\n")
    for tool in ("bash", "dirname", "mkdir", "sh", "sort", "tail", "wc", "xargs"):
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    env = {"PATH": str(tools), "PYENV_ROOT": str(pyenv), "HOME": os.devnull}
    words = [str(checkout / ".ci/other-pythons")]
    return subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=60)


def calls(checkout: Path) -> list[str]:
    """The interpreters that ran the tests."""
    lines = (checkout / "bin/test.calls").read_text().splitlines()
    return sorted(Path(line.split()[1]).parts[-3] for line in lines)


def test_each_other_minor_version_runs_once(checkout: Path) -> None:
    done = run(checkout, "3.11.2", "3.12.1", "3.12.3", "3.14.0")
    assert calls(checkout) == ["3.12.3", "3.14.0"]
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 2)
    assert all("unit tests passed: 9 passed" in line for line in done.stdout.splitlines())


def test_two_pythons_share_two_cores(checkout: Path) -> None:
    """Each run waits until the other one has begun."""
    meet = 'echo "$*" >>"$0.calls"\nuntil [ "$(wc -l <"$0.calls")" = 2 ]; do :; done\necho met\n'
    made(checkout / "bin/test", f"#!/bin/sh\n{meet}")
    done = run(checkout, "3.12.1", "3.13.0")
    assert done.stdout.count("unit tests passed: met") == 2
    assert (checkout / "bin/test.calls").read_text().count("tests/unit -q -n 0 ") == 2


def test_one_python_gets_both_cores(checkout: Path) -> None:
    run(checkout, "3.12.1")
    assert "tests/unit -q -n 2 " in (checkout / "bin/test.calls").read_text()


def test_one_failure_fails_the_run_with_its_log(checkout: Path) -> None:
    done = run(checkout, "3.12.1", "3.13.0", "3.14.0")
    assert calls(checkout) == ["3.12.1", "3.13.0", "3.14.0"]
    assert done.returncode != 0
    assert "1 failed\nPython 3.13.0" in done.stdout
    assert "unit tests FAILED; the whole output is in .cache/unit-tests-3.13.0.log" in done.stdout


def test_machine_with_one_python_says_so(checkout: Path) -> None:
    done = run(checkout, "3.11.9")
    assert done.returncode == 0
    assert "no Python (3.11 or newer) but that of 3.11.7 was found" in done.stdout
