"""Which of Traefik's routes get into the stack file of a whole project, and which ones stop it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.errors import Refused
from app.cli.init.answers import Answers
from app.cli.init.command import Written, write_stack_file
from app.config.stack_file import load_stack
from app.domain.routing.routes import ClientRoute

FLAGS = (
    "--entrypoints.websecure.address=:443",
    "--entrypoints.websecure.http.tls=true",
    "--providers.file.directory=/dynamic",
)
DOCKER = "--providers.docker=true"
CLOSED = ("auth@file",)
ADMIN = {
    "traefik.http.routers.admin.rule": "Host(`a.b`) && PathPrefix(`/admin`)",
    "traefik.http.routers.admin.entrypoints": "websecure",
    "traefik.http.routers.admin.middlewares": "auth@file",
}


def init(
    project: Path,
    *flags: str,
    blue: dict[str, str] | None = None,
    green: dict[str, str] | None = None,
    traefik: bool = True,
    **routers: dict[str, Any],
) -> Written:
    """Writes the stack file for a service `shop` with these labels, and `routers` in a dynamic file."""
    proxy = {"image": "traefik:v3", "command": [*FLAGS, *flags], "volumes": ["./dynamic:/dynamic"]}
    colors: dict[str, Any] = {"shop-blue": blue or {}, "shop-green": green or {}}
    services: dict[str, Any] = {
        name: {"image": "shop", "expose": [8000], "labels": labels} for name, labels in colors.items()
    }
    services |= {"traefik": proxy} if traefik else {}
    (project / "compose.yaml").write_text(yaml.safe_dump({"name": "p", "services": services}))
    http = {
        "routers": {name: {"service": "shop", **router} for name, router in routers.items()},
        "services": {"shop": {"loadBalancer": {"servers": [{"url": "http://shop-blue:8000"}]}}},
    }
    (project / "dynamic" / "shop.yml").write_text(yaml.safe_dump({"http": http}))
    environ, given = {"UPDATER_COMPOSE": "false"}, Answers(() if traefik else ("traefik",))
    return write_stack_file(project, project / "stack.yml", force=True, environ=environ, answers=given)


def routes(written: Written) -> tuple[ClientRoute, ...]:
    return load_stack(written.path).routed[0].routes


def test_closed_route_of_a_label_is_written_beside_the_open_one_of_a_file(project: Path) -> None:
    written = init(project, DOCKER, blue=ADMIN, green=ADMIN, open={"rule": "Host(`a.b`)"})
    found = {route.rule: route.middlewares for route in routes(written)}
    assert found == {"Host(`a.b`)": (), "Host(`a.b`) && PathPrefix(`/admin`)": CLOSED}


def test_label_that_traefik_does_not_read_opens_no_route(project: Path) -> None:
    hidden = (DOCKER, "--providers.docker.exposedbydefault=false")
    for flags in ((), hidden):
        (route,) = routes(init(project, *flags, blue=ADMIN, green=ADMIN, open={"rule": "Host(`a.b`)"}))
        assert route.rule == "Host(`a.b`)"
    shown = {**ADMIN, "traefik.enable": "true"}
    assert len(routes(init(project, *hidden, blue=shown, green=shown, open={"rule": "Host(`a.b`)"}))) == 2
    with pytest.raises(Refused, match=r"it does not read the labels of shop-blue and shop-green"):
        init(project, blue=ADMIN, green=ADMIN)


def test_router_that_wins_by_its_priority_is_written(project: Path) -> None:
    rule = "Host(`a.b`)"
    (route,) = routes(init(project, a={"rule": rule}, b={"rule": rule, "priority": 100, "middlewares": ["auth"]}))
    assert (route.priority, route.middlewares) == (100, CLOSED)


def test_closed_label_of_one_color_is_written(project: Path) -> None:
    opened = {label: value for label, value in ADMIN.items() if not label.endswith("middlewares")}
    (route,) = routes(init(project, DOCKER, blue=opened, green=ADMIN))
    assert route.middlewares == CLOSED


def test_file_that_would_drop_a_password_is_not_written(project: Path) -> None:
    limited = {"rule": "Host(`a.b`)", "middlewares": ["limit", "zip"]}
    with pytest.raises(Refused, match=r"router closed in .* has auth@file .* router limited in .* without it"):
        init(project, limited=limited, closed={"rule": "Host( `A.b`)", "priority": 11, "middlewares": ["auth"]})
    assert not (project / "stack.yml").exists()


def test_middlewares_are_kept_if_no_entrypoint_is_known(project: Path) -> None:
    labels = {label: value for label, value in ADMIN.items() if not label.endswith("entrypoints")}
    written = init(project, blue=labels, green=labels, traefik=False)
    (route,) = routes(written)
    assert (route.entrypoint, route.middlewares) == ("web", CLOSED)
    assert "no service is Traefik" in written.notes.questions["traefik/entrypoints/web"]


def test_sticky_sessions_of_any_route_are_kept(project: Path) -> None:
    sticky = {**ADMIN, "traefik.http.services.admin.loadbalancer.sticky.cookie.name": "seat"}
    written = init(project, DOCKER, blue=sticky, green=sticky, open={"rule": "Host(`a.b`)"})
    assert load_stack(written.path).routed[0].sticky == {"cookie": {"name": "seat"}}
    assert "differ in scheme or sticky sessions" not in str(written.notes.questions)


def test_routes_of_other_schemes_are_a_question(project: Path) -> None:
    https = {**ADMIN, "traefik.http.services.admin.loadbalancer.server.scheme": "https"}
    written = init(project, DOCKER, blue=https, green=https, open={"rule": "Host(`a.b`)"})
    assert "label of shop-blue has scheme https" in written.notes.questions["routed/shop/entrypoint"]


def test_only_default_entrypoints_serve_a_router_without_one(project: Path) -> None:
    web = "--entrypoints.web.address=:80"
    router: dict[str, Any] = {"rule": "Host(`a.b`)"}
    assert {r.entrypoint for r in routes(init(project, web, a=router))} == {"web", "websecure"}
    assert [r.entrypoint for r in routes(init(project, web, "--entrypoints.websecure.asdefault", a=router))] == [
        "websecure"
    ]


def test_middlewares_of_an_entrypoint_are_a_question(project: Path) -> None:
    router: dict[str, Any] = {"rule": "Host(`a.b`)", "entryPoints": ["websecure"]}
    unused = ("--entrypoints.web.address=:80", "--entrypoints.web.http.middlewares=zip@file")
    written = init(project, *unused, "--entrypoints.websecure.http.middlewares=authelia@file", a=router)
    question = written.notes.questions["traefik/entrypoints/websecure"]
    assert "authelia@file, which run before those of a route" in question
    assert "`middlewares` of routed/shop" in question
    assert f" # QUESTION: {question}" in written.path.read_text()
    assert "traefik/entrypoints/web" not in written.notes.questions
