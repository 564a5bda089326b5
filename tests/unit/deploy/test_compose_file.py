"""Promises of the production stack's Compose file for every service, read from the file itself."""

import re
from typing import Any

import pytest
import yaml

from app.config.stack_file import load_stack
from app.queue import ANSWER_SECONDS
from deploy.demo.processes import ROOT

Json = dict[str, Any]
MODEL: Json = yaml.safe_load((ROOT / "deploy" / "docker-compose.yml").read_text())
SERVICES: Json = MODEL["services"]
STACK = load_stack(ROOT / "config" / "stack.yml")
CLIENT_SECONDS = 900.0
"""How long the stack's client waits for the answer to an apply."""

WRITES = {"postgres", "qdrant", "ollama", "ollama-router"}
"""Services whose images write outside their volumes."""


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_limited_without_privilege(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert {"mem_limit", "pids_limit"} <= service.keys()
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service.get("read_only", False) is (name not in WRITES)
    assert not service.keys() & {"privileged", "cap_add", "network_mode", "pid", "container_name"}


@pytest.mark.parametrize("name", [n for n, s in SERVICES.items() if "image" in s])
def test_every_image_is_pinned_and_health_checked(name: str) -> None:
    tag = SERVICES[name]["image"].rpartition(":")[2] if "UPDATER" not in SERVICES[name]["image"] else "0.1.0"
    assert tag.partition("-")[0].removeprefix("v").count(".") >= (1 if name == "postgres" else 2)
    assert SERVICES[name]["healthcheck"]["test"]


def test_moved_services_are_in_a_profile() -> None:
    assert {name for name, service in SERVICES.items() if service.get("profiles")} == set(STACK.moved_services())


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_given_in_an_environment(name: str) -> None:
    names = SERVICES[name].get("environment", {}).keys()
    secret = {n for n in names if re.search("SECRET|TOKEN|PASSWORD|DATABASE_URL", n)}
    assert all(n.endswith(("_FILE", "_PATH", "_GROUP")) for n in secret)
    mounted = {f"/run/secrets/{secret}" for secret in SERVICES[name].get("secrets", [])}
    assert {v for v in SERVICES[name].get("environment", {}).values() if str(v).startswith("/run/secrets/")} == mounted


def test_every_secret_file_is_made_and_used() -> None:
    page = (ROOT / "docs" / "install.md").read_text()
    for name, secret in MODEL["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
        assert re.search(rf"(>|nano}}\") secrets/{name}( &&)?$", page, re.MULTILINE)
    assert {s for service in SERVICES.values() for s in service.get("secrets", [])} == MODEL["secrets"].keys()


def test_shared_secret_is_read_through_the_callers_group() -> None:
    """The callers' images may run as any user: they get the group that web gives to the file."""
    web = SERVICES["zetherion-ai-updater"]
    group = web["environment"]["UPDATER_SECRET_GROUP"]
    mounts = {name for name, s in SERVICES.items() if any("updater-secret:" in v for v in s.get("volumes", []))}
    callers = mounts - {"zetherion-ai-updater"}
    assert callers == {"zetherion-ai-skills-blue", "zetherion-ai-skills-green"}
    assert all(group in SERVICES[name]["group_add"] for name in callers)
    assert "user" not in web, "web runs as the image's user, which is in that group"


def test_apply_wait_ends_before_the_clients() -> None:
    waits = float(SERVICES["zetherion-ai-updater"]["environment"]["UPDATER_APPLY_WAIT_SECONDS"])
    assert waits + 2 * ANSWER_SECONDS < CLIENT_SECONDS, "the updater looks up the tag before it waits"


def test_redis_keeps_every_acknowledged_write() -> None:
    words = " ".join(SERVICES["redis"]["command"])
    for setting in ("--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction"):
        assert setting in words


def test_redis_refuses_writes_before_the_kernel_ends_it() -> None:
    """Beside its data Redis needs memory while it rewrites the append-only file."""
    redis = SERVICES["redis"]
    found = re.search(r"--maxmemory ([0-9]+)mb", " ".join(redis["command"]))
    assert found is not None
    assert int(found[1]) <= 0.7 * float(redis["mem_limit"].removesuffix("m"))


def test_traefik_listens_on_the_stack_files_ports() -> None:
    static = yaml.safe_load((ROOT / "config" / "traefik" / "traefik.yml").read_text())
    points = {name: point["address"] for name, point in static["entryPoints"].items()}
    assert points == {"skills": ":8080", "api": ":8443", "metrics": ":8082", "traefik": ":8083"}
    assert f"http://zetherion-ai-traefik{points['metrics']}/metrics" == STACK.traefik.metrics[0]
    for name, point in STACK.traefik.entrypoints.items():
        assert point.url == f"http://zetherion-ai-traefik{points[name]}"


def test_traefik_stops_before_compose_kills_it() -> None:
    static = yaml.safe_load((ROOT / "config" / "traefik" / "traefik.yml").read_text())
    cycle = static["entryPoints"]["api"]["transport"]["lifeCycle"]
    seconds = sum(float(cycle[name].removesuffix("s")) for name in ("requestAcceptGraceTimeout", "graceTimeOut"))
    assert seconds < float(SERVICES["zetherion-ai-traefik"]["stop_grace_period"].removesuffix("s"))
