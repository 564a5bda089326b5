"""What a process loads before it works. A library that it does not need yet costs each start a tenth of a second."""

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

NEVER_YET = {
    "app.main": {"apprise", "docker", "githubkit", "httpx", "prometheus_client", "requests", "typer", "workers"},
    "workers.main": {
        "apprise",
        "githubkit",
        "hishel",
        "httpx",
        "hypercorn",
        "opentelemetry",
        "prometheus_client",
        "starlette",
        "typer",
    },
    "app.cli.main": {
        *("app.api.model", "app.cli.commands", "app.cli.init", "app.config.stack_file", "apprise", "docker", "httpx"),
        *("pydantic", "redis", "requests", "rich", "structlog", "yaml"),
    },
    "app.cli.commands": {
        *("app.cli.init", "app.config.stack_file", "apprise", "arq", "docker", "githubkit", "hypercorn"),
        *("itsdangerous", "prometheus_client", "redis", "requests", "starlette", "structlog", "yaml"),
    },
}
"""The modules that importing a process's main module must not load. docs/architecture.md says how they are loaded."""

LOADED = """
import json, sys
import {module}
modules = [*sys.modules]
from pydantic import BaseModel

def below(model):
    return [model, *(each for child in model.__subclasses__() for each in below(child))]

ours = [m for m in below(BaseModel) if m.__module__.split(".")[0] in {{"app", "workers"}}]
built = [m.__qualname__ for m in ours if m.__pydantic_complete__]
print(json.dumps({{"modules": modules, "models": len(ours), "built": built}}))
"""


@functools.cache
def loaded(module: str) -> dict[str, list[str]]:
    """`modules`: all that are loaded. `built`: the models of ours whose schemas are built, out of `models`."""
    command = [sys.executable, "-c", LOADED.format(module=module)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True, timeout=300)
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("module", NEVER_YET)
def test_import_loads_no_unneeded_module(module: str) -> None:
    modules = loaded(module)["modules"]
    assert module in modules
    assert not NEVER_YET[module].intersection(modules)


@pytest.mark.parametrize("module", [module for module in NEVER_YET if module != "app.cli.main"])
def test_import_builds_no_schema(module: str) -> None:
    found = loaded(module)
    assert found["models"]
    assert found["built"] == []


COMMAND = """
import json, runpy, sys
sys.argv = ["updater", *sys.argv[1:]]
try:
    runpy.run_module("app.cli", run_name="__main__")
except SystemExit:
    print(json.dumps([name for name, module in sys.modules.items() if module]))
"""

NEEDLESS = {
    ("status",): {"app.cli.init", "click", "httpx._main", "pygments", "structlog", "yaml"},
    ("token", "--scope", "read"): {"app.api.model", "app.cli.commands", "httpx", "yaml"},
    ("init", "no-such-directory"): {"app.cli.commands", "httpx", "rich", "structlog"},
}
"""The modules that a command must not load. Without settings, each ends before it does anything."""


@pytest.mark.parametrize("words", NEEDLESS, ids=lambda words: words[0])
def test_command_loads_what_it_needs(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", COMMAND, *words]
    done = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, check=True, text=True, timeout=300)
    modules = json.loads(done.stdout.splitlines()[-1])
    assert "app.cli.main" in modules
    assert not NEEDLESS[words].intersection(modules)


STARTED = """
import gc, importlib, json, runpy, sys
collections = []

def note(phase, info):
    if phase == "start" and "app.domain.errors" in sys.modules and not gc.get_freeze_count():
        collections.append(len(sys.modules))

gc.callbacks.append(note)
try:
    runpy.run_module("{module}", run_name="__main__")
except SystemExit as end:
    for later in ("structlog.tracebacks", "httpx"):
        importlib.import_module(later)
    libraries = ("click", "pygments", "rich")
    for_terminals = [m for m in sys.modules if m.split(".")[0] in libraries and sys.modules[m]]
    found = {{"collections": collections, "goes_on": gc.isenabled(), "for_terminals": for_terminals}}
    print(json.dumps({{"why": str(end), **found}}))
"""


@pytest.fixture(scope="module", params=["app.main", "workers.main", "workers.successor"])
def started(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What a process has done that was started without any settings."""
    command = [sys.executable, "-c", STARTED.format(module=request.param), "r-1"]
    done = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, check=True, text=True, timeout=300)
    return dict(json.loads(done.stdout))


def test_nothing_is_collected_while_a_process_loads(started: dict[str, Any]) -> None:
    """Afterwards, garbage is collected as usual."""
    assert "zetherion-updater" in started["why"]
    assert (started["collections"], started["goes_on"]) == ([], True)


def test_process_loads_nothing_for_terminals(started: dict[str, Any]) -> None:
    """Also when it loads httpx later. Both libraries do without, and their use of it is for people at a terminal."""
    assert started["for_terminals"] == []
