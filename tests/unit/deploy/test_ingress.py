"""The tunnel exposes one path of the updater, and only the public API of the rest of the stack."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from arq.connections import ArqRedis

from app.config.settings import WebSettings
from app.main import Faces, wire
from deploy.demo.processes import ROOT
from tests.unit.deploy.ingress import Rule, service_for

UPDATER, API = "updater.example.org", "api.example.org"
RECEIVER, ROUTED, NOTHING = "http://zetherion-ai-updater:9091", "http://zetherion-ai-traefik:8443", "http_status:404"
HOOK = "/webhooks/github"


@pytest.fixture
def rules() -> list[Rule]:
    content: Any = yaml.safe_load((ROOT / "deploy" / "cloudflared" / "config.yml").read_text())
    return list(content["ingress"])


@pytest.fixture
def faces(tmp_path: Path) -> Faces:
    """Both listeners as the web process wires them; no test connects to Redis."""
    environ = {
        "REDIS_URL": "redis://nowhere",
        "UPDATER_STACK_FILE": str(ROOT / "config" / "stack.yml"),
        "UPDATER_SECRET_PATH": str(tmp_path / "secret"),
        "GITHUB_WEBHOOK_SECRET": "a-secret-of-the-test",
    }
    return wire(WebSettings.from_environ(environ), ArqRedis())


def paths(app: Any) -> set[str]:
    return {route.path.replace("{rollout_id}", "r-1") for route in app.routes}


def test_webhook_goes_to_web_and_api_to_traefik(rules: list[Rule], faces: Faces) -> None:
    assert paths(faces.public) == {HOOK}
    assert service_for(rules, UPDATER, HOOK) == RECEIVER
    assert {service_for(rules, API, path) for path in ("/", "/api/v1/health", HOOK)} == {ROUTED}


def test_internal_paths_are_not_public(rules: list[Rule], faces: Faces) -> None:
    internal = paths(faces.internal)
    assert {"/status", "/update/apply", "/metrics", "/update/rollouts/r-1/log"} <= internal
    assert {service_for(rules, UPDATER, path) for path in internal} == {NOTHING}


@pytest.mark.parametrize(
    "path", ["/x" + HOOK, HOOK + "/", HOOK + "/../../status", HOOK + "x", "/" + HOOK, "/WEBHOOKS/github"]
)
def test_path_like_the_webhook_is_refused(rules: list[Rule], path: str) -> None:
    assert service_for(rules, UPDATER, path) == NOTHING


@pytest.mark.parametrize("hostname", ["", "localhost", "other.example.org", "x." + UPDATER, "zetherion-ai-updater"])
def test_other_hostname_leads_nowhere(rules: list[Rule], faces: Faces, hostname: str) -> None:
    assert {service_for(rules, hostname, path) for path in {HOOK, *paths(faces.internal)}} == {NOTHING}


def test_rules_use_only_known_services(rules: list[Rule]) -> None:
    assert {rule["service"] for rule in rules} == {RECEIVER, ROUTED, NOTHING}


def test_unanchored_path_would_match_more() -> None:
    """Confirms the comment in the file, and that the test of the anchored path can fail."""
    loose = [{"hostname": UPDATER, "path": "/webhooks/github", "service": RECEIVER}, {"service": NOTHING}]
    assert service_for(loose, UPDATER, "/update/apply/webhooks/github") == RECEIVER


@pytest.mark.parametrize(
    ("hostname", "fits"), [("a.example.org", True), ("a.b.example.org", True), ("example.org", False)]
)
def test_wildcard_matches_one_or_more_labels(hostname: str, fits: bool) -> None:
    rules = [{"hostname": "*.example.org", "service": RECEIVER}, {"service": NOTHING}]
    assert (service_for(rules, hostname, "/") == RECEIVER) is fits


def test_rules_without_a_catch_all_are_invalid() -> None:
    with pytest.raises(ValueError, match="the last rule"):
        service_for([{"hostname": UPDATER, "service": RECEIVER}], UPDATER, "/")
