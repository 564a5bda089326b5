from typing import Any

from app.cli.init.services.pairs import (
    Pair,
    color_pairs,
    colored_hosts,
    name_prefix,
)


def services(*names: str, **more: Any) -> dict[str, dict[str, Any]]:
    return {**{name: {} for name in names}, **more}


def colors(*bases: str) -> list[str]:
    return [f"{base}-{color}" for base in bases for color in ("blue", "green")]


def test_colors_make_a_pair_in_any_order() -> None:
    found = color_pairs(services("green_api", "web-blue", "blue_api", "web-green", "lone-blue"), "shop")
    assert found == [Pair("api", "api", "blue_api", "green_api"), Pair("web", "web", "web-blue", "web-green")]


def test_pair_names_drop_the_project_prefix() -> None:
    assert [p.name for p in color_pairs(services(*colors("shop-api", "shop_web")), "shop")] == ["api", "shop_web"]
    assert [p.name for p in color_pairs(services(*colors("shop-api", "api")), "shop")] == ["shop-api", "api"]


def test_pair_names_are_valid_and_unique() -> None:
    stack = services("API-BLUE", "API-GREEN", *colors("api", "Api", "a.p.i", "---"))
    found = {p.base: p.name for p in color_pairs(stack, "shop")}
    assert found == {"API": "api-2", "api": "api", "Api": "api-3", "a.p.i": "a-p-i", "---": "service"}
    long = "x" * 70
    (only,) = color_pairs(services(*colors(long)), "shop")
    assert (only.name, only.blue) == ("x" * 50, f"{long}-blue")


def test_pair_names_drop_a_common_prefix() -> None:
    stack = services(*colors("shop-one-api", "shop-one-web"), "shop-one-bot", "shop-one-cron", "postgres")
    assert name_prefix(stack, "checkout") == "shop-one-"
    assert [p.name for p in color_pairs(stack, "checkout")] == ["api", "web"]


def test_prefix_of_only_the_pairs_is_kept() -> None:
    assert name_prefix(services(*colors("api-v1", "api-v2"), "api-db", "postgres"), "checkout") == ""
    assert name_prefix(services(*colors("web")), "checkout") == ""


def test_hosts_map_to_services_unless_shared() -> None:
    stack = services(**{"web-blue": {"container_name": "Shop-Blue"}, "web-green": {}, "other": {"hostname": "x"}})
    hosts = colored_hosts(stack, color_pairs(stack, "shop"))
    assert hosts == {"web-blue": "web-blue", "shop-blue": "web-blue", "web-green": "web-green"}
    stack = services(**{f"web-{c}": {"networks": {"n": {"aliases": ["web"]}}} for c in ("blue", "green")})
    assert "web" not in colored_hosts(stack, color_pairs(stack, "shop"))
