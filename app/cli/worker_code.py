"""Runs a module of the worker's code in a process of its own: the command line does not import it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SOURCES = Path(__file__).parents[2]
"""Where the packages `app` and `workers` are."""

SECONDS = 300.0


def run_module(module: str, *arguments: str, environ: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Runs it to its end with `environ`. Raises subprocess.TimeoutExpired after SECONDS."""
    paths = os.pathsep.join(filter(None, [str(SOURCES), environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-P", "-m", module, *arguments],
        env={**environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=SECONDS,
        check=False,
    )
