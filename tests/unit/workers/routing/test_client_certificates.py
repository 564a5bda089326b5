"""Routes that ask for a client certificate."""

import pytest

from app.domain.routes import ClientRoute
from app.domain.stack import Stack
from tests.examples import a_routed, a_stack
from workers.routing.client_certificates import certificates_needed

REQUIRED = "{caFiles: [/ca.pem], clientAuthType: RequireAndVerifyClientCert}"


def stack(tls: dict[str, object] | None) -> Stack:
    return a_stack(routed=(a_routed("skills", 8080, "/", ClientRoute("web", "Host(`shop.example.org`)", tls)),))


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
    found = list(certificates_needed(stack(tls), {"broken.yml": "tls: [", "tls.yml": options(name, auth)}))
    assert len(found) == expected
    for line in found:
        assert line.startswith("routed/skills (`Host(`shop.example.org`)` at web) requires a client certificate")
        assert f"tls/options/{name} in tls.yml" in line
        assert "Then write clientAuthType: VerifyClientCertIfGiven there" in line


def test_first_definition_counts() -> None:
    """Traefik reads the files in this order, and keeps the first."""
    files = {"b.yml": options("strict", REQUIRED), "a.yml": options("strict", "{clientAuthType: NoClientCert}")}
    assert list(certificates_needed(stack({"options": "strict"}), files)) == []
