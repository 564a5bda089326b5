from typing import Any

from app.config.stack_file import parse_stack
from deploy.demo.own_stack import ingress
from tests.unit.demo.own_stack.stacks import content, stack


def secured(**options: Any) -> dict[str, Any]:
    given = content(traefik={"entrypoints": {"web": "http://traefik:80", "websecure": "https://traefik:443"}})
    given["routed"]["web"] |= {"entrypoint": "websecure", "tls": True, **options}
    return given


def test_traefik_has_exactly_the_entrypoints_of_the_stack() -> None:
    service = ingress.service(parse_stack(secured()), "traefik:v3", "/routes", {"web": 1001, "websecure": 1002}, 1003)
    assert service["command"][:4] == [
        "--entrypoints.web.address=:8000",
        "--entrypoints.websecure.address=:8001",
        "--entrypoints.demo-metrics.address=:8002",
        "--entrypoints.websecure.http.tls=true",
    ]
    assert [(p["host_ip"], p["published"], p["target"]) for p in service["ports"]] == [
        ("127.0.0.1", "1001", 8000),
        ("127.0.0.1", "1002", 8001),
        ("127.0.0.1", "1003", 8002),
    ]


def test_stand_ins_are_what_the_routes_name() -> None:
    given = secured(middlewares=["auth@file", "zip@docker"], tls={"options": "strict@file"})
    found = ingress.stand_ins(parse_stack(given))
    assert found is not None
    assert set(found["http"]["middlewares"]) == {"auth", "zip-of-docker"}
    assert set(found["tls"]["options"]) == {"strict"}


def test_stack_without_middlewares_needs_no_stand_in() -> None:
    assert ingress.stand_ins(stack()) is None
