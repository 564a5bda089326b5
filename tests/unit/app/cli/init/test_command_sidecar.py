"""`updater init` on the stack of the take-over tests finds what docs/from-the-sidecar.md promises."""

import os
from pathlib import Path

import yaml

from app.cli.init.answers import Answers
from app.cli.init.command import write_stack_file
from deploy.demo.processes import ROOT
from deploy.demo.repository import DemoRepository
from tests.acceptance.takeover.old_stack import LiveDirectory, old_shape

PAGE = ROOT / "docs" / "from-the-sidecar.md"
ENV = {"BASE_IMAGE": "updater-demo-base:1", "TRAEFIK_IMAGE": "updater-demo-traefik:3", "DISCORD_TOKEN": "token"}
"""Traefik's image has a name like an updater's: its service must still not be retired."""


def test_init_matches_the_takeover_page(tmp_path: Path) -> None:
    repository = DemoRepository(tmp_path / "repository")
    repository.release("v1.0.0", edit=old_shape)
    live = tmp_path / "zetherion-ai"
    LiveDirectory(live).make(repository, "v1.0.0", ENV)
    environ, own_image = {"PATH": os.environ["PATH"]}, Answers(("traefik.yml",))
    made = write_stack_file(live, tmp_path / "stack.yml", force=False, environ=environ, answers=own_image)
    found = yaml.safe_load(made.path.read_text())
    documented = yaml.safe_load(PAGE.read_text().partition("```yaml\n")[2].partition("```")[0])
    for routed in found["routed"].values():
        assert routed.pop("rule") == "PathPrefix(`/`)"
    assert {name: found[name] for name in ("project", "routed", "singletons", "retired")} == {
        name: documented[name] for name in ("project", "routed", "singletons", "retired")
    }
    assert found["traefik"]["entrypoints"] == documented["traefik"]["entrypoints"]
    assert made.notes.questions == {}
