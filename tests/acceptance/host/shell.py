"""The operator's shell, which runs the blocks of a page on a host without a registry."""

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.demo.processes import ROOT
from tests.acceptance.host.images import GIT_BASE, PARTS_BASE
from tests.acceptance.host.page import sections
from workers.adapters.docker_host.compose.program import find_compose

BLOCK_SECONDS = 900
UPDATER_VERSION = "0.1.0"
UPDATER_IMAGE = f"zetherion-updater:{UPDATER_VERSION}"

Values = Mapping[str, Any]
"""Maps the name of each file that the page has the operator edit to the new values. See editor.py."""


@dataclass(frozen=True)
class Shell:
    """bash with `env`. It follows `page`; `places` maps the page's paths to the paths of this test."""

    env: Mapping[str, str]
    page: Path
    places: Mapping[str, str]

    def type(self, *blocks: str, cwd: Path) -> str:
        """Runs `blocks` as an operator pastes them, and returns their output.

        A command that fails does not stop what follows it in its block, because an interactive bash has no `-e`; the
        next block is not pasted. Raises AssertionError with the output if a command failed.
        """
        done = subprocess.run(
            ["bash", "-c", pasted(blocks)],
            cwd=cwd,
            env=dict(self.env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BLOCK_SECONDS,
            check=False,
        )
        shown = "\n".join(blocks)
        assert done.returncode == 0, f"{shown}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def follow(self, *headings: str, cwd: Path) -> str:
        """Runs the page's first block, then those under the headings that start with `headings`, in one shell."""
        page = sections(self.page.read_text())
        chosen = [s for s in page if s.heading.startswith(headings)]
        assert len(chosen) == len(headings), f"{self.page.name} has no {headings}"
        blocks = [self._placed(page[0].blocks[0]), *(block for section in chosen for block in section.blocks)]
        return self.type(*blocks, cwd=cwd)

    def _placed(self, first: str) -> str:
        for documented, actual in self.places.items():
            assert documented in first, f"the first block of {self.page.name} does not name {documented}"
            first = first.replace(documented, actual)
        return first


def pasted(blocks: Iterable[str]) -> str:
    """The script that runs `blocks` in one shell. It ends after the first block in which a command failed.

    bash runs the trap for a command by itself. Of a list, such as `a && b`, the status of the whole counts.
    """
    check = '[ "$?${failed:-}" = 0 ] || exit 1'
    return "\n".join(["trap 'failed=$?' ERR", *(f"{block}\n{check}" for block in blocks)])


def write_tools(tools: Path) -> None:
    """Writes the tools that the page expects on a host, adapted to a host without a registry.

    `docker` is the engine's own client; `docker compose` is this environment's Compose; `docker build` uses the locally
    built base images. `git clone` links this checkout. The editor writes the operator's values.
    """
    tools.mkdir()
    compose, docker_cli = shlex.join(find_compose()), shutil.which("docker")
    assert docker_cli, "the page uses the `docker` command: install the docker.io package"
    (tools / "build.json").write_text(json.dumps({"services": {"updater": {"image": UPDATER_IMAGE, "build": _BUILD}}}))
    scripts = {
        "docker": f'case "$1" in\n  compose) shift; exec {compose} "$@" ;;\n'
        f'  build) exec {compose} --file "$(dirname "$0")/build.json" --project-directory . build ;;\n'
        f'  *) exec {docker_cli} "$@" ;;\nesac\n',
        "git": f'[ "$1" = clone ] || exec {shutil.which("git")} "$@"\nln -sfn {ROOT} "$(basename "${{@: -1}}" .git)"\n',
        "editor": f'exec python3 {Path(__file__).with_name("editor.py")} "$@"\n',
    }
    for name, body in scripts.items():
        script = tools / name
        script.write_text(f"#!/usr/bin/env bash\n{body}")
        script.chmod(0o755)


def shell_env(tools: Path, docker_host: str, home: Path, values: Values) -> dict[str, str]:
    """The environment of the operator's shell; its commands are found in `tools` first."""
    return {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "DOCKER_HOST": docker_host,
        "COMPOSE_BAKE": "false",
        "HOME": str(home),
        "EDITOR": "editor",
        "OPERATOR_VALUES": json.dumps(values),
    }


_BUILD = {
    "context": ".",
    "dockerfile": "deploy/Dockerfile",
    "network": "host",
    "args": {"BASE": GIT_BASE, "BUILD_BASE": PARTS_BASE},
}
