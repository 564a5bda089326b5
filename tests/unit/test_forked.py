"""A forked script ends like a process of its own."""

import os

import pytest

from tests.unit.forked import ROOT, run


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("import sys\nprint(sys.argv[1:])", (0, "['a', '1']\n", "")),
        ("import sys\nprint('x')\nsys.exit(3)", (3, "x\n", "")),
        ("import sys\nsys.exit('no')", (1, "", "no\n")),
        ("import sys\nsys.exit()", (0, "", "")),
        ("import os\nos.kill(os.getpid(), 9)", (-9, "", "")),
        ("print(repr(input()))", (1, "", "EOFError")),
        ("raise ValueError('no')", (1, "", "ValueError: no\n")),
    ],
)
def test_script_ends_with_status_and_output(script: str, expected: tuple[int, str, str]) -> None:
    done = run(script, "a", 1)
    status, out, err = expected
    assert (done.returncode, done.stdout) == (status, out)
    assert err in done.stderr


def test_script_has_the_tests_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONLY_HERE", "1")
    assert run("import os\nprint(os.environ['ONLY_HERE'])").stdout == "1\n"
    monkeypatch.delenv("ONLY_HERE")
    assert "KeyError" in run("import os\nprint(os.environ['ONLY_HERE'])").stderr


def test_script_changes_no_other_one() -> None:
    run("import os, sys\nos.umask(0o777)\nos.chdir('/')\nsys.modules['made_up'] = os")
    seen = run("import os, sys\nprint(oct(os.umask(0)), os.getcwd(), 'made_up' in sys.modules)").stdout.split()
    assert seen == [oct(umask()), str(ROOT), "False"]


def umask() -> int:
    found = os.umask(0)
    os.umask(found)
    return found
