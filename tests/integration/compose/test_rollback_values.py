"""The values with which a rollback starts a release, and what is said of them. No engine: only Compose reads."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker
import pytest

from app.domain.errors import UpdaterError
from tests.integration.compose.read_release import BLUE, SHA, Bench, compose_of
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.docker_host.engine import DockerEngine
from workers.adapters.docker_host.stored.definitions import read_model
from workers.ports import Stamp

KEPT, BACK = Stamp("v1.1.0", SHA, "r-1"), Stamp("v1.1.0", SHA, "r-2")


def engine_of(bench: Bench, tmp_path: Path, compose: str | None = None, **more: Any) -> DockerEngine:
    """With an engine that has every image. `compose`: the command of Compose, if it is another one."""
    images = SimpleNamespace(get=lambda name: SimpleNamespace(id=f"id of {name}", tag=lambda *_: True))
    containers = SimpleNamespace(list=lambda **_: [])
    client = cast("docker.DockerClient", SimpleNamespace(images=images, containers=containers))
    stack = bench.stack
    own = compose_of(stack.project, None) if compose is None else Compose(find_compose(compose), stack.project, None)
    return DockerEngine(client, own, stack, tmp_path / "releases", **more)


def env(bench: Bench, text: str) -> None:
    bench.put(bench.live, ".env", text)


@pytest.mark.parametrize("attempt", ["current env", "deployed again"])
async def test_failed_try_with_todays_values_keeps_the_own_ones(bench: Bench, tmp_path: Path, attempt: str) -> None:
    """Today's password is the bad one. The rollout with it fails, so the operator goes back without it."""
    bench.compose({"environment": {"PASSWORD": "${PASSWORD}"}})
    env(bench, "PASSWORD=its-own\n")
    engine = engine_of(bench, tmp_path)
    await engine.define(bench.tree, KEPT)
    env(bench, "PASSWORD=bad\n")
    if attempt == "current env":
        await engine.recall(BACK, [BLUE], bench.tree)
    else:
        await engine.define(bench.tree, BACK)
    again = await engine.recall(Stamp("v1.1.0", SHA, "r-3"), [BLUE])
    assert read_model(again.path)["services"][BLUE]["environment"] == {"PASSWORD": "its-own"}


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "label": ({"labels": {"traefik.rule": "Host(`${VALUE}`)"}}, {}),
    "mount": ({"volumes": ["/srv/${VALUE}:/data"]}, {}),
    "config": ({"configs": ["site"]}, {"configs": {"site": {"content": "db=${VALUE}"}}}),
    "network": ({"networks": ["own"]}, {"networks": {"own": {"name": "${VALUE}"}}}),
    "volume": ({"volumes": ["own:/data"]}, {"volumes": {"own": {"name": "${VALUE}"}}}),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_every_changed_value_is_named(bench: Bench, tmp_path: Path, what: str) -> None:
    service, more = CHANGES[what]
    bench.compose(service, **more)
    for root in (bench.tree, bench.live):
        bench.put(root, "data/one", "")
    env(bench, "VALUE=one\n")
    engine = engine_of(bench, tmp_path)
    await engine.define(bench.tree, KEPT)
    env(bench, "VALUE=two\n")
    assert BLUE in await engine.changed_values(bench.tree, BACK)


@pytest.mark.parametrize(
    ("service", "text"),
    [
        ({"environment": {"A": "${PASSWORD}"}}, "PASSWORD=x\nhunter2 is wrong here=1\n"),
        ({"environment": {"A": "${PASSWORD}"}}, "PASSWORD='hunter2\n"),
        ({"environment": {"A": "${PASSWORD}"}}, 'PASSWORD="x${hunter2"\n'),
        ({"ports": ["${PASSWORD}:80"]}, "PASSWORD=hunter2\n"),
        ({"restart": "${PASSWORD}", "mem_limit": "${PASSWORD}"}, "PASSWORD=hunter2\n"),
        ({"environment": {"A": "${PASSWORD}"}}, "PASSWORD=x$hunter2\n"),
        ({"networks": ["${PASSWORD}"]}, "PASSWORD=hunter2\n"),
    ],
)
async def test_why_it_is_unknown_has_no_value(bench: Bench, tmp_path: Path, service: dict[str, Any], text: str) -> None:
    bench.compose({"environment": {"A": "1"}})
    engine = engine_of(bench, tmp_path)
    await engine.define(bench.tree, KEPT)
    bench.compose(service)
    env(bench, text)
    try:
        said = str(await engine.changed_values(bench.tree, BACK))
    except UpdaterError as error:
        said = str(error)
    assert "hunter2" not in said


async def test_kept_release_without_a_newer_service_says_so(bench: Bench, tmp_path: Path) -> None:
    bench.compose({})
    await engine_of(bench, tmp_path).define(bench.tree, KEPT)
    assert await engine_of(bench, tmp_path).missing(SHA, ["cron"])


@pytest.mark.parametrize("source", ["content", "file"])
async def test_bot_with_another_config_is_replaced(bench: Bench, tmp_path: Path, source: str) -> None:
    """Else the hand-over skips it: nothing about it changed."""
    engine, labels = engine_of(bench, tmp_path), []
    for text in ("one", "two"):
        bench.put(bench.tree, "site.conf", text)
        declared = {"content": text} if source == "content" else {"file": "./site.conf"}
        bench.compose({"configs": ["site"]}, configs={"site": declared})
        made = await engine.define(bench.tree, KEPT)
        labels.append(read_model(made.path)["services"]["bot"]["labels"]["updater.definition"])
    assert labels[0] != labels[1]


async def test_unchanged_files_are_no_difference(bench: Bench, tmp_path: Path) -> None:
    bench.put(bench.tree, "site.conf", "x")
    bench.put(bench.tree, "a.env", "A=1")
    bench.compose(
        {
            "configs": ["site"],
            "env_file": ["a.env"],
            "volumes": ["./site.conf:/x:ro", "/anonymous"],
            "build": ".",
            "depends_on": ["other"],
            "healthcheck": {"test": "true"},
        },
        configs={"site": {"file": "./site.conf"}},
        services={"other": {"image": "x"}},
    )
    bench.put(bench.tree, "Dockerfile", "FROM x")
    engine = engine_of(bench, tmp_path)
    await engine.define(bench.tree, KEPT)
    assert await engine.changed_values(bench.tree, BACK) == {}
    await engine.recall(BACK, [BLUE])
    assert await engine.changed_values(bench.tree, BACK) == {}
