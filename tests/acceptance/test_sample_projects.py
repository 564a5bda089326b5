"""Three of the sample projects go live twice and back, with the stack file that `updater init` writes for them.

Their applications and the images that no one can pull here are stand-ins: one HTTP server for every role.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.init.project.compose_files import compose_files
from deploy.demo.docker.engine import Engine
from tests.acceptance.conftest import SHORT
from tests.acceptance.demo_run import demo
from tests.integration.cli.newcomer import Newcomer, environment, newcomer
from tests.unit.demo.own_stack.stacks import git

pytestmark = pytest.mark.engine

CHECKS = {"passes": 2, "interval": 0.25, "timeout": 2}
NEEDS = {"disk_gb": 1, "memory_mb": 256}

STAND_IN = """#!/usr/bin/env python3
import http.server, os, signal, sys

class Application(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(open("/stand-in/VERSION", "rb").read())

    def log_message(self, *_):
        pass

signal.signal(signal.SIGTERM, lambda *_: sys.exit())
http.server.ThreadingHTTPServer(("", int(os.environ["STAND_IN_PORT"])), Application).serve_forever()
"""
CLIENT = """#!/usr/bin/env python3
import sys, urllib.request
urllib.request.urlopen(sys.argv[-1], timeout=5)
"""
LAYERS = """
COPY stand-in /stand-in
RUN ln -s /usr/bin/python3 /usr/local/bin/python && \\
    ln -s /stand-in/client /usr/local/bin/curl && ln -s /stand-in/client /usr/local/bin/wget
ENV STAND_IN_PORT={port}
ENTRYPOINT ["/stand-in/application"]
"""


@pytest.mark.parametrize("name", ["django", "mailer", "surveys"])
async def test_sample_goes_live_twice_and_back(
    name: str, engine: Engine, images: tuple[str, str], tmp_path: Path
) -> None:
    sample = newcomer(name, tmp_path)
    sample.init()
    (sample.live / "stack.yml").write_text(yaml.safe_dump(with_short_times(sample.answered()), sort_keys=False))
    with_stand_ins(sample, base=images[0])
    for tag in ("v1.0.0", "v1.1.0"):
        release(sample.live, tag)
    run = await demo(engine, sample.live, "--directory", str(sample.live))
    assert (run.code, run.left) == (0, []), run.outcome
    expected = {"before": "v1.0.0", "after": "v1.1.0", "result": "success", "rollback": "success", "tag_live": "v1.0.0"}
    assert run.outcome | expected | {"failed_requests": 0, "problems": []} == run.outcome
    assert min(run.outcome["by_route"].values()) > 10


def with_short_times(content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "times": SHORT, "checks": CHECKS, "needs": NEEDS}


def with_stand_ins(sample: Newcomer, base: str) -> None:
    """Every stage of the Dockerfile has `base` with the stand-in, and every image that would be pulled is `base`."""
    (web,) = sample.expected["routed"].values()
    dockerfile = sample.live / "Dockerfile"
    stages = re.sub(r"(?m)^FROM \S+(.*)$", rf"FROM {base}\1{LAYERS.format(port=web['port'])}", dockerfile.read_text())
    dockerfile.write_text(stages)
    stand_in = sample.live / "stand-in"
    stand_in.mkdir()
    for program, text in (("application", STAND_IN), ("client", CLIENT)):
        (stand_in / program).write_text(text)
        (stand_in / program).chmod(0o755)
    for file in compose_files(sample.below, environment()):
        model = yaml.safe_load(file.read_text())
        for service in model["services"].values():
            if "image" in service:
                service |= {"image": base, "command": ["sleep", "infinity"], "init": True}
        file.write_text(yaml.safe_dump(model, sort_keys=False))
    (sample.live / ".gitignore").write_text(".env\ndata\n")


def release(repository: Path, tag: str) -> None:
    (repository / "stand-in" / "VERSION").write_text(f"{tag}\n")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", tag)
    git(repository, "tag", tag)
