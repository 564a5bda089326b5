"""A proposal that the updater cannot load can be written as a draft, to be completed by hand."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.errors import Refused, WrongUse
from app.cli.init.answers import NO_ANSWERS, answers, engine_answers
from app.cli.init.command import write_stack_file
from app.config.stack_file import load_stack, parse_stack
from app.domain.stack import EngineKind

FLAGS = ["--entrypoints.web.address=:80", "--providers.file.directory=/dynamic"]
ENVIRON = {"UPDATER_COMPOSE": "false"}
BALANCER = {"loadBalancer": {"servers": [{"url": "http://shop-blue:8000"}]}}


def project(tmp_path: Path, *routers: dict[str, Any]) -> None:
    (tmp_path / "dynamic").mkdir(exist_ok=True)
    colors = {f"shop-{color}": {"image": "shop", "expose": [8000]} for color in ("blue", "green")}
    proxy = {"image": "traefik:v3", "command": FLAGS, "volumes": ["./dynamic:/dynamic"]}
    (tmp_path / "compose.yaml").write_text(yaml.safe_dump({"name": "p", "services": {**colors, "proxy": proxy}}))
    every = {f"r{number}": {"service": "s", "middlewares": ["auth"], **each} for number, each in enumerate(routers)}
    http = {"routers": every, "services": {"s": BALANCER}}
    (tmp_path / "dynamic" / "a.yml").write_text(yaml.safe_dump({"http": http}))


def refused(tmp_path: Path, *routers: dict[str, Any], force: bool = False, draft: bool = True) -> str:
    """What `init` says about a project with these routers."""
    project(tmp_path, *routers)
    with pytest.raises(Refused) as caught:
        write_stack_file(tmp_path, tmp_path / "stack.yml", force=force, environ=ENVIRON, draft=draft)
    assert not (tmp_path / "stack.yml").exists()
    return str(caught.value)


def corrected(tmp_path: Path, old: str, new: str) -> Path:
    draft = tmp_path / "stack.yml.draft"
    assert old in draft.read_text()
    draft.write_text(draft.read_text().replace(old, new))
    return draft


def test_host_of_an_expression_is_written_into_the_draft(tmp_path: Path) -> None:
    router = {"rule": "HostRegexp(`^.+[.]a[.]b$`)"}
    assert f"add --draft to write {tmp_path}/stack.yml.draft," in refused(tmp_path, router, draft=False)
    assert not (tmp_path / "stack.yml.draft").exists()
    text = refused(tmp_path, router)
    assert "write one of them as health/host" in text
    assert f"Only the draft {tmp_path}/stack.yml.draft was written; traffic is not affected. Correct that in" in text
    stack = load_stack(corrected(tmp_path, "    health: /health", "    health: {path: /health, host: x.a.b}"))
    assert stack.routed[0].routes[0].middlewares == ("auth@file",)


@pytest.mark.parametrize(
    ("routers", "old", "new"),
    [
        (({"rule": "Host(`a.b`) && Method(`POST`)"},), " && Method(`POST`)", ""),
        (({"rule": "PathPrefix(`/`)", "priority": 9000}, {"rule": "Host(`a.b`)"}), "priority: 9000", "priority: 1"),
        (
            ({"rule": "Host(`a.b`) && HeaderRegexp(`X-A`, `^b+$`)"},),
            "    health: /health",
            "    health: {path: /health, headers: {X-A: b}}",
        ),
    ],
)
def test_other_routes_can_be_corrected_in_the_draft(
    tmp_path: Path, routers: tuple[dict[str, Any], ...], old: str, new: str
) -> None:
    refused(tmp_path, *routers)
    stack = load_stack(corrected(tmp_path, old, new))
    assert {route.middlewares for route in stack.routed[0].routes} == {("auth@file",)}


def test_corrected_draft_is_not_overwritten(tmp_path: Path) -> None:
    router = {"rule": "Host(`a.b`) && Method(`POST`)"}
    refused(tmp_path, router)
    draft = corrected(tmp_path, "Method", "Mine")
    assert "an earlier draft, or use --force" in refused(tmp_path, router)
    assert "Mine" in draft.read_text()
    refused(tmp_path, router, force=True)
    assert "Mine" not in draft.read_text()


def test_swarm_is_a_draft_while_this_version_has_no_such_engine(tmp_path: Path) -> None:
    """The draft is what a version with that engine loads."""
    project(tmp_path, {"rule": "Host(`a.b`)"})
    given = engine_answers(answers((), ()), EngineKind.SWARM, "registry.example.org/team")
    with pytest.raises(Refused, match="engine: this version of the updater cannot run swarm yet"):
        write_stack_file(tmp_path, tmp_path / "stack.yml", force=False, environ=ENVIRON, answers=given, draft=True)
    content = yaml.safe_load((tmp_path / "stack.yml.draft").read_text())
    assert (content["engine"], content["registry"]) == ("swarm", "registry.example.org/team")
    assert parse_stack(content, engines=list(EngineKind)).engine is EngineKind.SWARM


@pytest.mark.parametrize(
    ("engine", "registry", "says"),
    [(EngineKind.SWARM, None, "needs --registry"), (EngineKind.COMPOSE, "host/team", "is for --engine swarm")],
)
def test_engine_and_registry_belong_together(engine: EngineKind, registry: str | None, says: str) -> None:
    with pytest.raises(WrongUse, match=says):
        engine_answers(NO_ANSWERS, engine, registry)
