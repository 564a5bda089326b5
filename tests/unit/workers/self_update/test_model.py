import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from app.domain.stack import Updater
from workers.self_update.model import (
    SUCCESSOR,
    USED,
    Attempt,
    Runs,
    attempt_in,
    from_environment,
    installable,
    own_services,
    runs_as,
    successor_model,
)

UPDATER = Updater("web", "worker")
WORKER = {
    "image": "u:1",
    "command": ["python", "-m", "workers.main"],
    "environment": {"TOKEN": "costs $$5", "UNSET": None},
    "volumes": [
        {"type": "bind", "source": "/srv/u", "target": "/srv/u"},
        {"type": "volume", "source": "routes", "target": "/routes"},
        {"type": "tmpfs", "target": "/scratch"},
    ],
}
RUNS = Runs(
    image="u:1",
    environment={"PATH": "/bin", "TOKEN": "costs $5"},
    inherited={"PATH": "/bin"},
    command=("python", "-m", "workers.main"),
    mounts={"/srv/u": "/srv/u", "/routes": "/var/lib/docker/volumes/x", "/run/secrets/t": "/srv/t"},
)


def test_attempt_of_a_later_version_is_read() -> None:
    """The successor runs in one version, and the worker that reads its record in the other."""
    attempt = Attempt("r-1", "v1.1.0", "c1", ended=True, why="it died", starts=2)
    assert attempt_in(json.dumps({**asdict(attempt), "added": {"x": 1}}).encode()) == attempt


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"{}", b"\xff"])
def test_unreadable_attempt_is_none(content: bytes) -> None:
    assert attempt_in(content) is None


def test_container_runs_as_its_definition() -> None:
    assert runs_as({"worker": RUNS}, {"worker": WORKER}, "shop")


@pytest.mark.parametrize(
    "change",
    [
        {"image": "u:2"},
        {"command": ["python", "-m", "other"]},
        {"environment": {"TOKEN": "costs $$6"}},
        {"environment": {}},
        {"volumes": [{"type": "bind", "source": "/elsewhere", "target": "/srv/u"}]},
        {"volumes": [{"type": "volume", "source": "routes", "target": "/other"}]},
    ],
    ids=["image", "command", "value", "an added variable", "source", "volume"],
)
def test_container_differs_from_other_definition(change: dict[str, object]) -> None:
    assert not runs_as({"worker": RUNS}, {"worker": {**WORKER, **change}}, "shop")


@pytest.mark.parametrize(
    ("files", "runs"),
    [({}, True), ({"configs": "/files/2/rules"}, False), ({"secrets": "/srv/other"}, False)],
    ids=["same", "config", "secret"],
)
def test_files_of_configs_and_secrets_are_compared(files: dict[str, str], runs: bool) -> None:
    """A file that comes from the release has a path with the hash of its content."""
    worker = {**WORKER, "secrets": [{"source": "t"}], "configs": [{"source": "rules", "target": "/etc/rules"}]}
    model = {
        "services": {"worker": worker, "web": worker},
        "secrets": {"t": {"file": files.get("secrets", "/srv/t")}},
        "configs": {"rules": {"file": files.get("configs", "/files/$$1/rules")}},
    }
    running = replace(RUNS, mounts={**RUNS.mounts, "/etc/rules": "/files/$1/rules"})
    assert runs_as({"web": running, "worker": running}, own_services(model, UPDATER), "shop") is runs


def test_missing_service_is_another_definition() -> None:
    assert not runs_as({"worker": RUNS}, {"worker": WORKER, "web": WORKER}, "shop")
    assert not runs_as({"worker": RUNS, "web": RUNS}, {"worker": WORKER}, "shop")


def test_image_supplies_unwritten_settings() -> None:
    built = Runs("shop-web", {"PATH": "/bin"}, {"PATH": "/bin"}, ("run",), {})
    assert runs_as({"web": built}, {"web": {}}, "shop")


def test_build_settings_do_not_change_the_updater() -> None:
    model = {"services": {"web": {"image": "u:1", "build": {"context": "."}, "pull_policy": "never"}, "other": {}}}
    assert own_services(model, UPDATER) == {"web": {"image": "u:1", USED: {}}}


def test_changed_config_changes_the_updater() -> None:
    """The path of a file that comes from the release has the hash of its content."""
    web = {"image": "u:1", "configs": [{"source": "rules", "target": "/rules"}], "secrets": [{"source": "token"}]}

    def model(rules: str) -> dict[str, Any]:
        parts = {
            "configs": {"rules": {"file": rules}, "other": {"content": rules}},
            "secrets": {"token": {"file": "/t"}},
        }
        return {"services": {"web": web}, **parts}

    assert own_services(model("/files/1/rules"), UPDATER) == own_services(model("/files/1/rules"), UPDATER)
    assert own_services(model("/files/1/rules"), UPDATER) != own_services(model("/files/2/rules"), UPDATER)


def test_values_from_the_environment_are_found() -> None:
    build = {"context": ".", "secrets": [{"source": "npm"}]}
    model = {
        "services": {
            "web": {"secrets": [{"source": "token"}], "build": build},
            "other": {"secrets": [{"source": "x"}]},
        },
        "secrets": {"token": {"environment": "TOKEN"}, "npm": {"environment": "NPM"}, "x": {"environment": "X"}},
    }
    assert from_environment(own_services(model, UPDATER)) == ["TOKEN"]


def test_successor_copies_worker_without_its_names() -> None:
    worker = {
        **WORKER,
        "networks": {"engine": {"aliases": ["boss"]}},
        "depends_on": {"redis": {}},
        "hostname": "boss",
        "container_name": "boss",
        "mem_limit": "512m",
        "healthcheck": {"test": ["CMD", "python", "-m", "workers.alive"]},
        "restart": "unless-stopped",
        "profiles": ["x"],
    }
    services = {"web": {"image": "u:1"}, "worker": worker}
    model = {"name": "shop", "services": services}
    made = successor_model(model, UPDATER, "r1")
    assert made["services"][SUCCESSOR] == {
        **WORKER,
        "networks": {"engine": None},
        "mem_limit": "512m",
        "command": ["python", "-m", "workers.successor", "r1"],
        "restart": "unless-stopped",
        "healthcheck": {"disable": True},
        "pull_policy": "never",
    }
    assert services["worker"] is worker
    assert SUCCESSOR not in services


def test_updater_start_pulls_no_image() -> None:
    model = {"services": {"web": {"image": "u:1"}, "worker": {"pull_policy": "always"}, "other": {}}}
    assert installable(model, UPDATER)["services"] == {
        "web": {"image": "u:1", "pull_policy": "never"},
        "worker": {"pull_policy": "never"},
        "other": {},
    }
