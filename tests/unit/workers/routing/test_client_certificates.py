"""Routes that ask for a client certificate."""

from typing import Any

import pytest

from app.domain.routing.routes import ClientRoute
from app.domain.stack import Stack
from tests.examples import a_routed, a_stack
from tests.fakes.world import World
from workers.rollout.steps import preflight
from workers.routing.client_certificates import certificates_needed

REQUIRED = "{caFiles: [/ca.pem], clientAuthType: RequireAndVerifyClientCert}"


HOST = "Host(`shop.example.org`)"


def stack(tls: dict[str, object] | None, rule: str = HOST) -> Stack:
    return a_stack(routed=(a_routed("skills", 8080, "/", ClientRoute("web", rule, tls)),))


def options(name: str, auth: str) -> str:
    return f"tls: {{options: {{{name}: {{minVersion: VersionTLS12, clientAuth: {auth}}}}}}}\n"


@pytest.mark.parametrize(
    ("tls", "name", "auth", "expected"),
    [
        ({"options": "strict"}, "strict", REQUIRED, True),
        ({"options": "strict@file"}, "strict", REQUIRED, True),
        ({"Options": "strict"}, "strict", "{clientAuthType: RequireAnyClientCert}", True),
        ({"options": "strict"}, "strict", "{caFiles: [/ca.pem]}", True),
        ({}, "default", REQUIRED, True),
        ({"certResolver": "letsencrypt"}, "default", REQUIRED, True),
        ({"options": "strict"}, "default", REQUIRED, False),
        ({}, "strict", REQUIRED, False),
        (None, "default", REQUIRED, False),
        ({"options": "strict@kubernetescrd"}, "strict", REQUIRED, False),
        ({"options": "strict"}, "strict", "{caFiles: [/ca.pem], clientAuthType: VerifyClientCertIfGiven}", False),
        ({"options": "strict"}, "strict", "{clientAuthType: RequestClientCert}", False),
        ({"options": "strict"}, "strict", "null", False),
    ],
)
def test_route_with_required_certificate_is_found(
    tls: dict[str, object] | None, name: str, auth: str, expected: bool
) -> None:
    found = list(certificates_needed(stack(tls), {"broken.yml": "tls: [", "tls.yml": options(name, auth)}, {}))
    assert len(found) == expected
    for line in found:
        assert line.startswith("routed/skills (`Host(`shop.example.org`)` at web) requires a client certificate")
        assert f"tls/options/{name} in tls.yml" in line
        assert "Then write clientAuthType: VerifyClientCertIfGiven there" in line


def test_first_definition_counts() -> None:
    """Traefik reads the files in this order, and keeps the first."""
    files = {"b.yml": options("strict", REQUIRED), "a.yml": options("strict", "{clientAuthType: NoClientCert}")}
    assert list(certificates_needed(stack({"options": "strict"}), files, {})) == []


def point(tls: object) -> dict[str, Any]:
    """As `/api/entrypoints` has it."""
    return {"web": {"name": "web", "address": ":443", "http": {"tls": tls, "sanitizePath": True}}}


@pytest.mark.parametrize(
    ("tls", "of_point", "name", "expected"),
    [
        (None, point({"options": "strict@file"}), "strict", True),
        (None, point({"options": "strict"}), "strict", True),
        (None, point({}), "default", True),
        (None, point({"certResolver": "le"}), "default", True),
        ({}, point({"options": "strict@file"}), "strict", False),
        (None, point({"options": "strict@consul"}), "strict", False),
        (None, point({"options": "strict@file"}), "default", False),
        (None, point(None), "default", False),
        (None, {"web": {"name": "web"}}, "default", False),
        (None, {"other": point({})["web"]}, "default", False),
    ],
)
def test_options_of_the_entrypoint_count_for_a_route_without_its_own(
    tls: dict[str, object] | None, of_point: dict[str, Any], name: str, expected: bool
) -> None:
    found = list(certificates_needed(stack(tls), {"tls.yml": options(name, REQUIRED)}, of_point))
    assert len(found) == expected
    assert all(f"tls/options/{name} in tls.yml, the TLS options of entrypoint web. The" in line for line in found)


def test_rule_without_a_host_has_the_default_options() -> None:
    """Traefik chooses other options by the name that the client asks for."""
    no_host = "PathPrefix(`/`)"
    own: dict[str, object] = {"options": "strict"}
    for routed, of_point in ((stack(own, no_host), {}), (stack(None, no_host), point(own))):
        assert list(certificates_needed(routed, {"tls.yml": options("strict", REQUIRED)}, of_point)) == []
        assert len(list(certificates_needed(routed, {"tls.yml": options("default", REQUIRED)}, of_point))) == 1


async def test_preflight_asks_traefik_for_its_entrypoints(world: World) -> None:
    world.route._foreign["tls.yml"] = options("default", REQUIRED)
    world.route.points = {name: point({})["web"] for name in world.stack.traefik.entrypoints}
    found = await preflight.problems(world.stack, world.ports, world.ports.room())
    assert len([line for line in found if "requires a client certificate" in line]) == len(world.stack.routed)
    world.route.unreadable_api = True
    assert await preflight.problems(world.stack, world.ports, world.ports.room()) == []
