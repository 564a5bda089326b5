"""Projects with `include` and `profiles`: with Compose both are read, without it they are named."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.errors import Refused
from app.cli.init.command import Written, write_stack_file
from app.config.stack_file import load_stack

COMPOSE, ALONE = dict(os.environ), {"UPDATER_COMPOSE": "false"}
PROXY = {"image": "traefik:v3", "command": ["--entrypoints.web.address=:80", "--providers.docker=true"]}
AUTH = {"traefik.http.middlewares.auth.basicauth.users": "a:b"}
SHOP: dict[str, Any] = {
    "image": "shop",
    "expose": [8000],
    "labels": {
        "traefik.http.routers.shop.rule": "${SHOP_RULE:-Host(`open.b`)}",
        "traefik.http.routers.shop.middlewares": "auth",
        "traefik.http.services.shop.loadbalancer.server.port": "8000",
        **AUTH,
    },
}


def write(file: Path, **services: Any) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump({"services": services}))


def init(project: Path, environ: dict[str, str]) -> Written:
    return write_stack_file(project, project / "s.yml", force=True, environ=environ)


def included(project: Path, *parts: object, **services: Any) -> None:
    model = {"name": "p", "include": list(parts), "services": {"other": {"image": "x"}, **services}}
    (project / "compose.yaml").write_text(yaml.safe_dump(model))


def test_included_services_are_read_with_their_own_variables(tmp_path: Path) -> None:
    write(tmp_path / "deploy" / "shop.yaml", **{"shop-blue": SHOP, "shop-green": SHOP})
    (tmp_path / "deploy" / "shop.env").write_text("SHOP_RULE=Host(`a.b`)\n")
    included(tmp_path, {"path": "deploy/shop.yaml", "env_file": "deploy/shop.env"}, proxy=PROXY)
    stack = load_stack(init(tmp_path, COMPOSE).path)
    (route,) = stack.routed[0].routes
    assert (route.rule, route.middlewares, stack.compose_files) == ("Host(`a.b`)", ("auth@docker",), ("compose.yaml",))
    with pytest.raises(Refused, match=r"has two colors.* No other file was read, and no `include`"):
        init(tmp_path, ALONE)


def test_include_that_is_not_read_is_named(tmp_path: Path) -> None:
    write(tmp_path / "deploy" / "proxy.yaml", login={"image": "x"})
    included(tmp_path, "deploy/proxy.yaml", proxy=PROXY, **{"shop-blue": SHOP, "shop-green": SHOP})
    assert init(tmp_path, COMPOSE).path.exists()
    with pytest.raises(Refused, match="include of the Compose file is not known"):
        init(tmp_path, ALONE)


@pytest.mark.parametrize("environ", [COMPOSE, ALONE], ids=["compose config", "the file alone"])
def test_colors_of_any_profile_are_read(tmp_path: Path, environ: dict[str, str]) -> None:
    shop = {**SHOP, "profiles": ["prod"], "labels": {**SHOP["labels"], "traefik.http.routers.shop.rule": "Host(`a.b`)"}}
    write(tmp_path / "compose.yaml", proxy=PROXY, **{"shop-blue": shop, "shop-green": shop})
    assert [route.rule for route in load_stack(init(tmp_path, environ).path).routed[0].routes] == ["Host(`a.b`)"]


@pytest.mark.parametrize(
    ("change", "asked"),
    [({}, False), ({"profiles": ["dev"]}, True), ({"labels": {**AUTH, "traefik.enable": "false"}}, True)],
    ids=["always", "in a profile", "not enabled"],
)
def test_middleware_that_may_not_stay_is_a_question(tmp_path: Path, change: dict[str, Any], *, asked: bool) -> None:
    """Another service defines it too, but it may not run, or Traefik does not read its labels."""
    colors = {"shop-blue": SHOP, "shop-green": SHOP}
    write(tmp_path / "compose.yaml", proxy=PROXY, login={"image": "x", "labels": AUTH, **change}, **colors)
    questions = init(tmp_path, COMPOSE).notes.questions
    assert ("labels of shop-blue define auth" in questions.get("routed/shop/middlewares", "")) is asked
