"""The one container of a service that both colors are made from serves as the blue color until the first flip."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.errors import AdoptionRefused
from app.domain.routing.routes import ClientRoute
from app.domain.stack import Color, Stack
from tests.examples import a_routed, a_stack
from workers.adoption.reach import hosts_of
from workers.adoption.serving import Serving, serving_color
from workers.adoption.singles import warnings_of
from workers.ports import Instance
from workers.routing.routers import read_routing

HOST = "shop-web-1"
RULE = "Host(`shop.example.org`)"
RULES = {"traefik.http.routers.web.rule": RULE, "traefik.http.routers.web.entrypoints": "web"}
PORT = {"traefik.http.services.web.loadbalancer.server.port": "8000"}


def stack(**route: Any) -> Stack:
    return a_stack(routed=(a_routed("web", 8000, "/", ClientRoute("web", RULE, **route), made_from="web"),))


def single(labels: dict[str, str] | None = None, **change: Any) -> Instance:
    fields: dict[str, Any] = {"names": ("web", HOST), "host": HOST, "single": True, "address": "10.0.0.7"}
    return Instance("c-web", "web-blue", "running", labels=labels or {}, **fields | change)


def routers(url: str, **router: Any) -> dict[str, str]:
    options = {"entryPoints": ["web"], "rule": RULE, "service": "web", **router}
    services = {"web": {"loadBalancer": {"servers": [{"url": url}]}}}
    return {"web.yml": repr({"http": {"routers": {"web": options}, "services": services}})}


def serves(of: Stack, instance: Instance, files: dict[str, str] | None = None) -> Serving:
    found = {service: [instance] if service == instance.service else [] for service in of.moved_services()}
    serving = serving_color(of, read_routing(files or {}, hosts_of(of, found)), found)
    assert serving is not None
    return serving


def refusal(of: Stack, instance: Instance, files: dict[str, str] | None = None) -> str:
    with pytest.raises(AdoptionRefused) as refused:
        serves(of, instance, files)
    return refused.value.detail


# Routers in files


@pytest.mark.parametrize("url", ["http://web:8000", f"http://{HOST}:8000", "http://10.0.0.7:8000"])
def test_router_in_a_file_leads_to_it(url: str) -> None:
    """It has no network alias with the name of its color, so the route names the container."""
    found = serves(stack(), single(), routers(url))
    assert (found.color, found.files, found.hosts) == (Color.BLUE, ("web.yml",), {"web": (HOST,)})


def test_container_without_a_router_is_refused_by_its_written_name() -> None:
    assert refusal(stack(), single()) == (
        "no router in the watched directory leads to the running web: add the routers"
    )


def test_clients_of_a_published_port_are_refused() -> None:
    assert refusal(stack(), single(ports=("127.0.0.1:8080",))) == (
        "no router in the watched directory leads to the running web: add the routers, and let clients use Traefik. "
        "Those that use 127.0.0.1:8080 of the host reach the container itself, and no release could move them"
    )


# Routers in its labels


@pytest.mark.parametrize("port", [PORT, {}], ids=["port", "the only port"])
def test_router_in_its_labels_leads_to_it(port: dict[str, str]) -> None:
    found = serves(stack(priority=1000), single({**RULES, **port}))
    assert (found.color, found.files, found.hosts) == (Color.BLUE, (), {"web": (HOST,)})


def test_router_in_its_labels_must_come_after_the_updaters() -> None:
    assert refusal(stack(), single({**RULES, **PORT})) == (
        f"router web@docker in the labels of {HOST} stays until that container stops, and Traefik asks it first or at "
        f"random. Write priority: {len(RULE) + 1} into the route `{RULE}` of routed/web in the stack file, so that the "
        "updater's router comes before it"
    )


def test_router_with_a_priority_must_come_after_the_updaters_too() -> None:
    labels = {**RULES, **PORT, "traefik.http.routers.web.priority": "1000"}
    assert "Write priority: 1001 into the route" in refusal(stack(priority=1000), single(labels))
    assert serves(stack(priority=1001), single(labels)).color is Color.BLUE


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ({"traefik.http.routers.web.middlewares": "auth"}, "has middlewares [auth@docker], but routed/web in the "),
        ({"traefik.http.routers.web.tls": "true"}, "has tls {}, but routed/web in the stack file has not set"),
        ({"traefik.http.services.web.loadbalancer.server.port": "9000"}, "connects to web by http at port 9000, but"),
        ({"traefik.http.services.web.loadbalancer.sticky.cookie.name": "x"}, "has sticky {cookie: {name: x}}, but "),
        ({"traefik.http.routers.web.rule": "Host(`other`)"}, "for `Host(`other`)` at web, but the stack file has no "),
        ({"traefik.http.routers.web.entrypoints": "web,more"}, "also answers at more, but the updater's router"),
        ({"traefik.http.routers.www.rule": "Host(`www`)"}, "router www@docker in the labels of shop-web-1 leads to "),
        ({"traefik.http.services.web.loadbalancer.passHostHeader": "false"}, "has passHostHeader: false, which the "),
    ],
)
def test_what_its_labels_do_otherwise_is_refused(labels: dict[str, str], problem: str) -> None:
    assert problem in refusal(stack(priority=1000), single({**RULES, **PORT, **labels}))


def test_same_options_in_labels_and_stack_file_agree() -> None:
    labels = {
        **{"Traefik.HTTP.Routers.web.Rule": RULE, "traefik.http.routers.web.entryPoints": "web"},
        "traefik.http.routers.web.service": "web@docker",
        "traefik.http.routers.web.middlewares": "auth, compress@file",
        "traefik.http.routers.web.tls": "true",
        "traefik.http.routers.web.tls.certResolver": "le",
    }
    of = stack(priority=1000, middlewares=("auth@docker", "compress@file"), tls={"certResolver": "le"})
    assert serves(of, single({**labels, **PORT})).hosts == {"web": (HOST,)}


def test_middleware_of_its_labels_may_be_defined_elsewhere() -> None:
    labels = {**RULES, **PORT, "traefik.http.routers.web.middlewares": "auth,slow"}
    assert serves(stack(priority=1000, middlewares=("auth@file", "slow@file")), single(labels)).color is Color.BLUE
    assert "has middlewares" in refusal(stack(priority=1000, middlewares=("slow@file", "auth@file")), single(labels))


def test_router_without_entrypoints_answers_at_those_of_the_stack_file() -> None:
    labels = {"traefik.http.routers.web.rule": RULE}
    of = replace(
        stack(priority=1000),
        traefik=replace(a_stack().traefik, entrypoints={"web": a_stack().traefik.entrypoints["web"]}),
    )
    assert serves(of, single(labels)).color is Color.BLUE
    assert "also answers at api, but" in refusal(stack(priority=1000), single(labels))


def test_labels_that_traefik_does_not_read_are_no_routers() -> None:
    labels = {**RULES, "traefik.enable": "false"}
    assert "no router in the watched directory leads to" in refusal(stack(priority=1000), single(labels))


def test_container_that_is_stopped_has_no_routers() -> None:
    found = {"web-blue": [replace(single(RULES), state="exited")]}
    assert serving_color(stack(), read_routing({}, {}), found) is None


# What the plan and the doctor say


def test_warning_says_what_becomes_of_it() -> None:
    assert list(warnings_of(stack(), [single(), Instance("c-bot", "bot", "running")])) == [
        f"{HOST} is the one container of web, and counts as web-blue. The first release moves its clients to "
        "web-green, stops it after the bake, and keeps it for a rollback"
    ]


def test_warning_names_the_ports_that_clients_may_use() -> None:
    (warning,) = warnings_of(stack(), [single(ports=("0.0.0.0:8080", "[::]:8080"))])
    assert warning.endswith(
        ". It publishes 0.0.0.0:8080, [::]:8080: clients that use that, and not Traefik, get no answer once it is "
        "stopped. Let them use Traefik before"
    )
