"""Which interpreter the commands use: the functions of bin/_python, and each command's `--python`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.demo.processes import ROOT

LIMIT = 300.0
TOOLS = ("cut", "paste", "sort")
BASH = shutil.which("bash") or "bash"
RUNNING = "{}.{}.{}".format(*sys.version_info[:3])
WORKS = "echo {}"
NOT_SELECTED = 'echo "pyenv: $(basename $0): command not found" >&2; exit 127'
"""What pyenv's command for a version does if that version is not selected."""


class Machine:
    """A PATH and a pyenv with only the test's interpreters."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = [home / "tools"]
        for tool in TOOLS:
            self._make(home / "tools" / tool, f'exec {shutil.which(tool)} "$@"')

    def on_path(self, directory: str, **programs: str) -> None:
        """Append a directory with `programs` to PATH."""
        self.path.append(self.home / directory)
        for name, script in programs.items():
            self._make(self.home / directory / name.replace("_", "."), script)

    def in_pyenv(self, *versions: str) -> None:
        for version in versions:
            self._make(self.home / ".pyenv" / "versions" / version / "bin" / "python3", WORKS.format(version))

    def bash(self, script: str, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
        env = {"HOME": str(self.home), "PATH": ":".join(map(str, self.path))}
        words = [BASH, "-euo", "pipefail", "-c", f'. "{ROOT}/bin/_python"; {script}']
        return subprocess.run(words, env=env, cwd=cwd, capture_output=True, text=True, check=False, timeout=LIMIT)

    def output_of(self, script: str, cwd: Path = ROOT) -> list[str]:
        """The lines that `script` prints, with paths relative to the machine's home."""
        return self.bash(script, cwd).stdout.replace(f"{self.home}/", "").splitlines()

    @staticmethod
    def _make(path: Path, script: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_python3_is_the_default(machine: Machine) -> None:
    machine.on_path("usr", python3=WORKS.format("3.13.5"), python3_12=WORKS.format("3.12.1"))
    assert machine.output_of("find_python") == ["usr/python3"]


def test_first_python_is_preferred_if_it_runs(machine: Machine) -> None:
    """CI's is the distribution's."""
    machine.on_path("shims", python3=WORKS.format("3.11.7"))
    machine.on_path("usr", python3=WORKS.format("3.11.2"))
    first = f"FIRST_PYTHON={machine.home}"
    assert machine.output_of(f"{first}/usr/python3 find_python") == ["usr/python3"]
    assert machine.output_of(f"{first}/none find_python") == ["shims/python3"]


def test_too_old_python3_is_skipped(machine: Machine) -> None:
    machine.on_path("usr", python3="exit 1", python3_12=WORKS.format("3.12.1"))
    assert machine.output_of("find_python") == ["usr/python3.12"]


def test_version_matches_two_or_three_numbers(machine: Machine) -> None:
    machine.on_path("usr", python3=WORKS.format("3.11.2"), python3_13=WORKS.format("3.13.5"))
    machine.in_pyenv("3.13.0")
    assert machine.output_of("choose_python 3.13") == ["usr/python3.13"]
    assert machine.output_of("choose_python 3.13.0") == [".pyenv/versions/3.13.0/bin/python3"]


def test_version_prefix_does_not_match(machine: Machine) -> None:
    machine.on_path("usr", python3=WORKS.format("3.110.0"))
    assert machine.bash("find_python 3.11").returncode == 1


def test_unselected_pyenv_version_is_found(machine: Machine) -> None:
    machine.on_path("shims", python3_12=NOT_SELECTED, python3=NOT_SELECTED)
    machine.in_pyenv("3.12.1", "3.12.10", "3.9.18")
    assert machine.output_of("find_python 3.12") == [".pyenv/versions/3.12.10/bin/python3"]


def test_later_directory_of_path_is_searched(machine: Machine) -> None:
    machine.on_path("shims", python3_13=NOT_SELECTED)
    machine.on_path("usr", python3_13=WORKS.format("3.13.5"))
    assert machine.output_of("find_python 3.13") == ["usr/python3.13"]


def test_each_version_is_listed_once(machine: Machine) -> None:
    machine.on_path("usr", python3=WORKS.format("3.13.5"), python3_13=WORKS.format("3.13.5"))
    machine.in_pyenv("3.13.5", "3.11.7")
    assert machine.output_of("pythons") == ["3.13.5 usr/python3", "3.11.7 .pyenv/versions/3.11.7/bin/python3"]


def test_virtualenv_of_checkout_is_no_interpreter(machine: Machine) -> None:
    machine.on_path("checkout/.venv/bin", python3=WORKS.format("3.12.1"))
    machine.on_path("usr", python3=WORKS.format("3.11.2"))
    assert machine.output_of("pythons", machine.home / "checkout") == ["3.11.2 usr/python3"]


def test_no_interpreter_yields_an_empty_list(machine: Machine) -> None:
    assert machine.output_of("pythons") == []
    assert machine.bash("find_python").returncode == 1


def test_running_interpreter_is_supported(machine: Machine) -> None:
    assert machine.output_of(f"python_version {sys.executable}") == [RUNNING]
    assert machine.bash(f"choose_python {sys.executable}").stdout == f"{sys.executable}\n"


@pytest.mark.parametrize(
    ("claim", "supported"),
    [
        ("sys.version_info = (3, 10, 13)", False),
        ("sys.version_info = (3, 11, 0)", True),
        ("sys.version_info = (3, 14, 8)", True),
        ("sys.implementation.name = 'pypy'", False),
        ("sysconfig.get_config_vars()['Py_GIL_DISABLED'] = 1", False),
    ],
)
def test_only_cpython_3_11_or_newer_is_supported(claim: str, supported: bool, machine: Machine) -> None:
    program = f"import sys, sysconfig; {claim}; exec(sys.argv[1])"
    machine.on_path("usr", python3=f'exec {sys.executable} -c "{program}" "$2"')
    assert (machine.bash("python_version python3").returncode == 0) is supported


def test_missing_version_error_names_the_remedy(machine: Machine) -> None:
    machine.on_path("usr", python3=WORKS.format("3.11.2"))
    machine.in_pyenv("3.12.1")
    done = machine.bash("choose_python 3.14")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Python 3.14 was not found on PATH or in pyenv; found: 3.11.2 3.12.1." in done.stderr
    assert "apt-get install python3.14 python3.14-venv" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--python", "3.10"], "Python 3.10 is not supported. Choose 3.11 or newer"),
        (["--python=/nonexistent/python3"], "there is no Python at /nonexistent/python3"),
        (["--python", "/bin/false"], "/bin/false does not run, or is not supported"),
        (["--python"], "--python needs a version or a path"),
        (["tests/unit", "--python="], "--python needs a version or a path"),
    ],
)
@pytest.mark.parametrize("command", ["test", "demo", "check"])
def test_command_ends_before_any_setup(command: str, words: list[str], message: str) -> None:
    done = subprocess.run([ROOT / "bin" / command, *words], capture_output=True, text=True, check=False, timeout=LIMIT)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_nested_command_has_the_interpreter_of_the_outer_one() -> None:
    env = {**os.environ, "UPDATER_PYTHON": "/nonexistent/python3"}
    done = subprocess.run([ROOT / "bin" / "demo"], env=env, capture_output=True, text=True, check=False, timeout=LIMIT)
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no Python at /nonexistent/python3" in done.stderr
