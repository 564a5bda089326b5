"""Passwords that a route has through another file, label, provider or chain. None gets lost."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.errors import Refused
from app.cli.init.answers import Answers
from app.cli.init.command import Written, write_stack_file
from app.config.stack_file import load_stack
from app.domain.routing.routes import ClientRoute

FLAGS = ("--entrypoints.web.address=:80", "--providers.file.directory=/dynamic", "--providers.docker=true")
RULE = "Host(`a.b`)"
CLOSED = {"rule": RULE, "middlewares": ["auth"]}
SERVER = {"loadBalancer": {"servers": [{"url": "http://shop-blue:8000"}]}}
R, S, M = (f"traefik.http.{kind}." for kind in ("routers", "services", "middlewares"))

Labels = dict[str, str]


def init(
    project: Path,
    labels: Labels | None = None,
    proxy: Labels | None = None,
    others: dict[str, Any] | None = None,
    colored: dict[str, Any] | None = None,
    *,
    opened: tuple[str, ...] = (),
    **files: dict[str, Any],
) -> Written:
    """Writes the stack file for `shop`. `files`: the part `http` of each dynamic file, by its name."""
    shop = {"image": "shop", "expose": [8000], "labels": labels or {}}
    traefik = {"image": "traefik:v3", "command": FLAGS, "volumes": ["./dynamic:/dynamic"], "labels": proxy or {}}
    services = {"shop-blue": {**shop, **(colored or {})}, "shop-green": shop, "proxy": traefik, **(others or {})}
    (project / "compose.yaml").write_text(yaml.safe_dump({"name": "p", "services": yaml_safe(services)}))
    for name, content in files.items():
        text = {name: content} if name == "tcp" else {"http": content}
        (project / "dynamic" / f"{name}.yml").write_text(yaml.safe_dump(text))
    environ, given = {"UPDATER_COMPOSE": "false"}, Answers(opened=opened)
    return write_stack_file(project, project / "stack.yml", force=True, environ=environ, answers=given)


def yaml_safe(services: dict[str, Any]) -> dict[str, Any]:
    return {name: {**each, "command": list(each.get("command", ()))} for name, each in services.items()}


def routes(written: Written) -> list[ClientRoute]:
    return list(load_stack(written.path).routed[0].routes)


def only(written: Written) -> tuple[str, tuple[str, ...]]:
    (route,) = routes(written)
    return route.rule, route.middlewares


def file(**router: Any) -> dict[str, Any]:
    return {"routers": {"r": {"service": "s", **router}}, "services": {"s": SERVER}}


@pytest.mark.parametrize(
    ("labels", "target"),
    [
        ({f"{S}shop.loadbalancer.server.port": "8000"}, "shop@docker"),
        ({}, "shop-blue-p@docker"),
    ],
)
def test_router_of_a_file_may_lead_to_a_service_of_labels(project: Path, labels: Labels, target: str) -> None:
    assert only(init(project, labels, a={"routers": {"r": {**CLOSED, "service": target}}})) == (RULE, ("auth@file",))
    weighted = {"w": {"weighted": {"services": [{"name": target, "weight": 1}]}}}
    behind = {"routers": {"r": {**CLOSED, "service": "w"}}, "services": weighted}
    assert only(init(project, labels, a=behind)) == (RULE, ("auth@file",))


def test_router_in_labels_of_another_service_is_carried_over(project: Path) -> None:
    router = {f"{R}r.rule": RULE, f"{R}r.middlewares": "auth@file"}
    written = init(project, proxy={**router, f"{R}r.service": "s@file"}, a={"services": {"s": SERVER}})
    assert only(written) == (RULE, ("auth@file",))
    (project / "dynamic" / "a.yml").unlink()
    written = init(project, {f"{S}shop.loadbalancer.server.port": "8000"}, {**router, f"{R}r.service": "shop"})
    assert only(written) == (RULE, ("auth@file",))


@pytest.mark.parametrize(
    ("host", "colored"),
    [
        ("p-shop-blue-1:8000", {}),
        ("shop:8000", {"networks": {"default": {"aliases": ["shop"]}}}),
        ("172.30.0.9:8000", {"networks": {"default": {"ipv4_address": "172.30.0.9"}}}),
        ("host.docker.internal:8001", {"ports": ["127.0.0.1:8001:8000"]}),
        ("10.0.0.1:8001", {"ports": [{"published": "8001", "target": 8000}]}),
    ],
)
def test_server_may_have_any_name_of_the_container(project: Path, host: str, colored: dict[str, Any]) -> None:
    server = {"loadBalancer": {"servers": [{"url": f"http://{host}"}]}}
    both = {"shop-green": {"image": "shop", "networks": colored["networks"]}} if host.startswith("shop:") else {}
    found = {"routers": {"r": {**CLOSED, "service": "s"}}, "services": {"s": server}}
    assert only(init(project, colored=colored, others=both, a=found)) == (RULE, ("auth@file",))


def test_port_of_another_service_of_the_project_is_not_taken(project: Path) -> None:
    server = {"loadBalancer": {"servers": [{"url": "http://other:8001"}]}}
    found = {"routers": {"r": {**CLOSED, "service": "s"}}, "services": {"s": server}}
    given: dict[str, Any] = {"colored": {"ports": ["8001:8000"]}, "others": {"other": {"image": "x"}}, "a": found}
    with pytest.raises(Refused, match=r"No router .* leads to routed/shop"):
        init(project, **given)
    written = init(project, opened=("shop",), **given)
    assert only(written) == ("PathPrefix(`/`)", ())
    assert [route.priority for route in routes(written)] == [1], "other routers of the entrypoint come first"


def test_first_of_several_files_with_one_name_counts(project: Path) -> None:
    other = {**file(rule="Host(`open.b`)"), "services": {"s": {"loadBalancer": {"servers": [{"url": "http://x:1"}]}}}}
    written = init(project, a=file(**CLOSED), b=other)
    assert only(written) == (RULE, ("auth@file",))
    assert (
        "router r in dynamic/b.yml is left out, as Traefik does: dynamic/a.yml has one of the same name."
        in written.notes.check
    )


def test_items_of_a_list_in_labels_are_not_carried_over(project: Path) -> None:
    """Traefik ignores them: the requests are open now."""
    labels = {f"{R}r.rule": RULE, f"{R}r.middlewares[0]": "auth@file", f"{R}r.middlewares[1]": "zip"}
    written = init(project, labels)
    assert only(written) == (RULE, ())
    assert any("middlewares[0]" in question for question in written.notes.questions.values())


def test_chain_with_a_member_in_removed_labels_is_a_question(project: Path) -> None:
    chain = {"middlewares": {"closed": {"chain": {"middlewares": ["outer@docker"]}}}}
    labels = {f"{M}outer.chain.middlewares": "auth", f"{M}auth.basicauth.users": "ada:x"}
    written = init(project, labels, a={**file(rule=RULE, middlewares=["closed"]), **chain})
    assert "labels of shop-blue define auth, outer, and" in written.notes.questions["routed/shop/middlewares"]
    kept = init(project, labels, proxy=labels, a={**file(rule=RULE, middlewares=["closed"]), **chain})
    assert "routed/shop/middlewares" not in kept.notes.questions


def test_middleware_in_labels_of_another_color_is_a_question(project: Path) -> None:
    own = {f"{R}a.rule": "Host(`c.d`)", f"{M}auth.basicauth.users": "a:x"}
    admin = {f"admin-{color}": {"image": "x", "labels": own} for color in ("blue", "green")}
    written = init(project, {f"{R}r.rule": RULE, f"{R}r.middlewares": "auth"}, others=admin)
    assert "labels of admin-blue define auth" in written.notes.questions["routed/shop/middlewares"]


def test_router_below_a_parent_is_refused(project: Path) -> None:
    with pytest.raises(Refused, match=r"router r in dynamic/a\.yml has parentRefs"):
        init(project, a=file(rule=RULE, parentRefs=["closed"]))


def test_default_rule_does_not_open_a_closed_route(project: Path) -> None:
    named = {f"{R}all.rule": "PathPrefix(`/x`)", f"{R}all.middlewares": "auth@file", f"{R}all.priority": "1"}
    with pytest.raises(Refused, match=r"router bare .* has no rule.* router all .* without auth@file"):
        init(project, {**named, f"{R}bare.entrypoints": "web"})
    assert not (project / "stack.yml").exists()
    guarded = {**named, f"{R}bare.entrypoints": "web", f"{R}bare.middlewares": "auth@file", f"{R}bare.priority": "-1"}
    with pytest.raises(Refused, match=r"router bare .* has no rule, and Traefik's default rule is not known"):
        init(project, guarded)
    assert len(routes(init(project, guarded, opened=("shop",)))) == 2


@pytest.mark.parametrize("guard", [{"middlewares": ["office"]}, {"tls": {"options": "mtls"}}])
def test_closed_tcp_router_is_refused(project: Path, guard: dict[str, Any]) -> None:
    services = {"s": {"loadBalancer": {"servers": [{"address": "shop-blue:8000"}]}}}
    router = {"rule": "HostSNI(`*`)", "service": "s"}
    assert any(
        "(TCP) leads to" in line
        for line in init(project, opened=("shop",), tcp={"routers": {"r": router}, "services": services}).notes.check
    )
    with pytest.raises(Refused, match=r"router r in dynamic/tcp\.yml \(TCP\) .* has "):
        init(project, tcp={"routers": {"r": {**router, **guard}}, "services": services})


def test_closed_tcp_router_of_labels_is_refused(project: Path) -> None:
    with pytest.raises(Refused, match=r"router r in labels of shop-blue \(TCP\) .* has office"):
        init(project, {"traefik.tcp.routers.r.rule": "HostSNI(`*`)", "traefik.tcp.routers.r.middlewares": "office"})


def test_negative_priority_is_carried_over(project: Path) -> None:
    open_one = {"rule": "PathPrefix(`/`)", "service": "s", "priority": -1}
    closed = {**CLOSED, "service": "s", "priority": 1}
    written = init(project, a={"routers": {"open": open_one, "r": closed}, "services": {"s": SERVER}})
    assert {route.rule: route.priority for route in routes(written)} == {"PathPrefix(`/`)": -1, RULE: 1}
    labels = {f"{R}r.rule": RULE, f"{R}r.priority": "-7"}
    (project / "dynamic" / "a.yml").unlink()
    assert [route.priority for route in routes(init(project, labels))] == [-7]
