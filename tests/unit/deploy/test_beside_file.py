"""Promises of the Compose file for an updater beside a stack, read from the file itself."""

import re
from typing import Any

import pytest
import yaml

from deploy.demo.processes import ROOT

Json = dict[str, Any]
MODEL: Json = yaml.safe_load((ROOT / "deploy" / "beside.yml").read_text())
SERVICES: Json = MODEL["services"]
PRODUCTION: Json = yaml.safe_load((ROOT / "deploy" / "docker-compose.yml").read_text())["services"]
PAGE = (ROOT / "docs" / "from-the-sidecar.md").read_text()
WEB, WORKER = "zetherion-ai-updater", "zetherion-ai-updater-worker"


@pytest.mark.parametrize("name", SERVICES)
def test_services_are_hardened_as_in_production(name: str) -> None:
    kept = ("restart", "read_only", "tmpfs", "security_opt", "cap_drop", "pids_limit", "logging", "mem_limit")
    same = (*kept, "image", "user", "command", "healthcheck")
    assert {key: SERVICES[name].get(key) for key in same} == {key: PRODUCTION[name].get(key) for key in same}
    assert not SERVICES[name].keys() & {"privileged", "cap_add", "network_mode", "pid", "container_name", "ports"}


def test_only_web_and_worker_join_the_stack() -> None:
    members = {name for name, service in SERVICES.items() if "stack" in service["networks"]}
    assert members == {WEB, WORKER}
    assert SERVICES[WEB]["networks"]["stack"] == {"aliases": ["zetherion-ai-updater"]}
    assert {name for name, s in SERVICES.items() if "engine" in s["networks"]} == {WORKER, "zetherion-ai-socket-proxy"}


def test_apply_wait_is_below_900_seconds() -> None:
    assert 0 < float(SERVICES[WEB]["environment"]["UPDATER_APPLY_WAIT_SECONDS"]) < 900


def test_worker_writes_only_to_its_own_mounts() -> None:
    assert {tuple(re.split(r":(?=\$|ro$)", volume)) for volume in SERVICES[WORKER]["volumes"]} == {
        ("./config:/etc/zetherion-updater", "ro"),
        ("${ZETHERION_DIR:?}", "${ZETHERION_DIR:?}", "ro"),
        ("${ZETHERION_DIR:?}/config/traefik", "${ZETHERION_DIR:?}/config/traefik"),
        ("${UPDATER_DIR:?}/data", "${UPDATER_DIR:?}/data"),
    }


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_in_an_environment(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    assert all(n.endswith(("_FILE", "_PATH", "_GROUP")) for n in environment if re.search("SECRET|TOKEN", n))
    mounted = {f"/run/secrets/{secret}" for secret in SERVICES[name].get("secrets", [])}
    assert {v for v in environment.values() if str(v).startswith("/run/secrets/")} == mounted


def test_every_secret_file_is_made_by_the_page() -> None:
    files = {name: secret["file"] for name, secret in MODEL["secrets"].items()}
    assert files.pop("updater-secret") == "${ZETHERION_DIR:?}/data/.updater-secret"
    assert files == {name: f"./secrets/{name}" for name in files}
    for name in files:
        assert re.search(rf"(>|nano}}\") secrets/{name}([ ;]|$)", PAGE, re.MULTILINE)


def test_page_sets_every_required_variable() -> None:
    needed = set(re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "deploy" / "beside.yml").read_text()))
    assert needed == {"ZETHERION_DIR", "UPDATER_DIR", "STACK_NETWORK", "DOCKER_GID"}
    assert all(re.search(rf"^{name}=", PAGE, re.MULTILINE) for name in needed)
