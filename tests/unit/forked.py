"""Python scripts in processes of their own, without an interpreter's start and imports for each.

A script runs in a fork of one process, which has imported what the scripts import. Nothing that a script changes
reaches the test or another script: its user, its logs, its environment.
"""

import ast
import atexit
import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
LIMIT = 300
"""Seconds. A script that runs longer ends by SIGALRM."""


def run(script: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """Runs `script` as `python -c` does, with this process's environment."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    order = {"script": script, "arguments": [*map(str, arguments)], "env": dict(os.environ)}
    print(json.dumps(order), file=server.stdin, flush=True)
    return subprocess.CompletedProcess(script, **json.loads(server.stdout.readline()))


@functools.cache
def _server() -> "subprocess.Popen[str]":
    """It ends when its standard input does, also if this process is killed."""
    command = [sys.executable, "-m", __name__]
    server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(server.communicate)
    return server


def serve() -> None:
    """Runs the scripts of standard input, one a line, and writes what each printed and how it ended."""
    for line in sys.stdin:
        print(json.dumps(_ended(json.loads(line))), flush=True)


def _ended(order: Mapping[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        _import(order["script"])
        if not (child := os.fork()):
            os._exit(_run(order, out, err))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        return {"returncode": status, "stdout": out.read(), "stderr": err.read()}


def _import(script: str) -> None:
    """Imports what the script imports. Importing a module of this project does nothing else."""
    imports: list[ast.stmt] = [each for each in ast.parse(script).body if isinstance(each, ast.Import | ast.ImportFrom)]
    with contextlib.suppress(ImportError):  # the script itself reports it
        exec(compile(ast.Module(imports, []), "<imports>", "exec"), {})  # noqa: S102 - a test's


def _run(order: Mapping[str, Any], out: IO[str], err: IO[str]) -> int:
    """Runs the script in this process; returns the exit status."""
    signal.alarm(LIMIT)
    for number, file in ((0, open(os.devnull)), (1, out), (2, err)):  # noqa: PTH123, SIM115 - it ends soon
        os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = ["-c", *order["arguments"]]
    try:
        exec(compile(order["script"], "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - a test's
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if status and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
    except BaseException:
        status = 1
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    return status


if __name__ == "__main__":
    serve()
