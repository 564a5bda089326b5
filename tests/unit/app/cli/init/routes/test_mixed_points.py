"""Two services with one rule, one with TLS and one without."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.init.command import Written, write_stack_file
from app.config.stack_file import load_stack
from app.domain.stack import Stack

WEB, SECURE, ALT = (
    f"--entrypoints.{each}" for each in ("web.address=:80", "websecure.address=:443", "alt.address=:8443")
)
RULE = "Host(`a.b`)"

Routes = dict[str, list[tuple[str, str, bool]]]


def init(project: Path, flags: tuple[str, ...], **routers: dict[str, Any]) -> tuple[Stack, Written]:
    """The stack of a project with a router for each of the services in `routers`, all with the same rule."""
    proxy = {
        "image": "traefik:v3",
        "command": [*flags, "--providers.file.filename=/r.yml"],
        "volumes": ["./r.yml:/r.yml"],
    }
    colors = {f"{name}-{color}": {"image": name, "expose": [80]} for name in routers for color in ("blue", "green")}
    (project / "compose.yaml").write_text(yaml.safe_dump({"name": "p", "services": {**colors, "proxy": proxy}}))
    services = {n: {"loadBalancer": {"servers": [{"url": f"http://{n}-blue:80"}]}} for n in routers}
    every = {name: {"rule": RULE, "service": name, **router} for name, router in routers.items()}
    (project / "r.yml").write_text(yaml.safe_dump({"http": {"routers": every, "services": services}}))
    written = write_stack_file(project, project / "s.yml", force=True, environ={"UPDATER_COMPOSE": "false"})
    return load_stack(written.path), written


def routes(stack: Stack) -> Routes:
    return {s.name: [(r.entrypoint, r.rule, r.tls is not None) for r in s.routes] for s in stack.routed}


@pytest.mark.parametrize(
    ("shop", "plain"),
    [({"tls": {}}, {}), ({"tls": {}}, {"entryPoints": ["web"]}), ({"tls": {}, "entryPoints": ["web", "alt"]}, {})],
)
def test_each_service_keeps_the_rule_at_its_own_entrypoint(
    tmp_path: Path, shop: dict[str, Any], plain: dict[str, Any]
) -> None:
    flags = (WEB, ALT if "alt" in shop.get("entryPoints", ()) else SECURE)
    secure = "alt" if ALT in flags else "websecure"
    stack, written = init(tmp_path, flags, shop=shop, plain={"entryPoints": ["web"]} if secure == "alt" else plain)
    assert routes(stack) == {"plain": [("web", RULE, False)], "shop": [(secure, RULE, True)]}
    assert {name: point.secure for name, point in stack.traefik.entrypoints.items()} == {"web": False, secure: True}
    assert not any(path.endswith("/rule") or path.startswith("traefik/") for path in written.notes.questions)
    assert any("router shop in r.yml takes only TLS at web, where" in line for line in written.notes.check)


def test_entrypoint_that_has_to_serve_both_is_a_question(tmp_path: Path) -> None:
    _, written = init(tmp_path, (WEB,), shop={"tls": {}}, plain={"middlewares": ["auth"]})
    assert "has routes with TLS and routes without" in written.notes.questions["traefik/entrypoints/web"]


def test_router_with_tls_alone_keeps_its_entrypoints(tmp_path: Path) -> None:
    stack, _ = init(tmp_path, (WEB, SECURE), shop={"tls": {}})
    assert routes(stack) == {"shop": [("web", RULE, True), ("websecure", RULE, True)]}
