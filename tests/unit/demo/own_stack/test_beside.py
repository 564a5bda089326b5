from typing import Any

from deploy.demo.own_stack import ingress
from deploy.demo.own_stack.beside import Beside, beside, compose_model, networks_of_routed, running
from tests.unit.demo.own_stack.stacks import content, stack

NEEDS_WEB = {"condition": "service_started"}


def of(services: dict[str, Any], *without: str, **changes: Any) -> Beside:
    given = {"name": "zu-demo-1", "services": {"web": {}, **services}}
    return beside(given, stack(**changes), stack(**changes), content(**changes), without)


def test_services_that_no_rollout_moves_are_started() -> None:
    assert of({"db": {}, "cache": {"depends_on": {"db": {}}}}) == Beside(("db", "cache"), {})


def test_service_that_needs_a_moved_one_is_not_started() -> None:
    found = of({"proxy": {"depends_on": {"web": NEEDS_WEB}}, "edge": {"depends_on": {"proxy": {}}}, "db": {}})
    assert found.started == ("db",)
    assert found.left_out == {"proxy": "it needs web, which only a release starts", "edge": "it needs proxy"}


def test_links_and_a_shared_network_are_needs_too() -> None:
    found = of({"a": {"links": ["web:app"]}, "b": {"network_mode": "service:web"}})
    assert set(found.left_out) == {"a", "b"}


def test_reason_of_each_left_out_service_is_said() -> None:
    services = {"extra": {}, "tool": {"profiles": ["debug"]}, "old": {}, "up-web": {}, "up-worker": {}}
    updater = {"web": "up-web", "worker": "up-worker"}
    found = of(services, "extra", retired=["old"], updater=updater)
    assert found.started == ()
    assert found.left_out == {
        "extra": "by --without",
        "tool": "it is in the profile debug, which the stack file does not name",
        "old": "it is retired",
        "up-web": "it is the updater",
        "up-worker": "it is the updater",
    }


def test_named_profile_is_started() -> None:
    assert of({"tool": {"profiles": ["debug"]}}, profiles=["debug"]).started == ("tool",)


def test_running_are_started_and_moved_services() -> None:
    given: dict[str, Any] = {"services": {"web": {}, "db": {}, "proxy": {}}}
    assert running(given, stack(), ["db"]) == ["web", "db"]
    assert running(given, stack()) == ["web"]


def test_nothing_collides_with_the_stack_itself() -> None:
    db = {"image": "db", "ports": ["x"], "container_name": "shop-db", "environment": {"A": "1"}, "profiles": ["p"]}
    built = {"build": {"context": "."}, "image": "shop/cache:stable"}
    given = {"name": "zu-demo-1", "services": {"web": {}, "db": db, "cache": built}, "volumes": {"data": {}}}
    made = compose_model(given, stack(), Beside(("db", "cache"), {}), {"image": "traefik:v3"})
    assert made == {
        "name": "zu-demo-1",
        "volumes": {"data": {}},
        "networks": {"default": {}},
        "services": {
            "db": {"image": "db", "environment": {"A": "1"}},
            "cache": {"build": {"context": "."}, "image": "zu-demo-1-cache"},
            ingress.SERVICE: {"image": "traefik:v3", "networks": {"default": None}},
        },
    }


def test_traefik_can_publish_ports_beside_internal_networks() -> None:
    given = {
        "name": "zu-demo-1",
        "services": {"web": {"networks": {"back": None}}},
        "networks": {"back": {"internal": True}},
    }
    made = compose_model(given, stack(), Beside((), {}), {})
    assert made["services"][ingress.SERVICE]["networks"] == {"back": None, ingress.EDGE: None}
    assert made["networks"] == {"back": {"internal": True}, ingress.EDGE: {}}


def test_traefik_is_in_every_network_of_the_routed_services() -> None:
    networks = {"front": {"name": "zu-demo-1_front"}, "back": {"internal": True}, "other": {}}
    given = {"services": {"web": {"networks": {"front": None, "back": None}}, "db": {"networks": {"other": None}}}}
    found = networks_of_routed({**given, "networks": networks}, stack())
    assert found == {"front": networks["front"], "back": networks["back"]}
