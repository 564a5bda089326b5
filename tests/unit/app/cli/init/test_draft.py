"""A proposal that the updater cannot load can be written as a draft, to be completed by hand."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.errors import Refused
from app.cli.init.command import write_stack_file
from app.config.stack_file import load_stack

FLAGS = ["--entrypoints.web.address=:80", "--providers.file.directory=/dynamic"]
BALANCER = {"loadBalancer": {"servers": [{"url": "http://shop-blue:8000"}]}}


def refused(tmp_path: Path, *routers: dict[str, Any], force: bool = False, draft: bool = True) -> str:
    """What `init` says about a project with these routers."""
    (tmp_path / "dynamic").mkdir(exist_ok=True)
    colors = {f"shop-{color}": {"image": "shop", "expose": [8000]} for color in ("blue", "green")}
    proxy = {"image": "traefik:v3", "command": FLAGS, "volumes": ["./dynamic:/dynamic"]}
    (tmp_path / "compose.yaml").write_text(yaml.safe_dump({"name": "p", "services": {**colors, "proxy": proxy}}))
    every = {f"r{number}": {"service": "s", "middlewares": ["auth"], **each} for number, each in enumerate(routers)}
    http = {"routers": every, "services": {"s": BALANCER}}
    (tmp_path / "dynamic" / "a.yml").write_text(yaml.safe_dump({"http": http}))
    environ = {"UPDATER_COMPOSE": "false"}
    with pytest.raises(Refused) as caught:
        write_stack_file(tmp_path, tmp_path / "stack.yml", force=force, environ=environ, draft=draft)
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
