"""Kept definitions on disk, read by an engine whose stack file has changed since. Compose reads what it publishes."""

import asyncio
import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from app.domain.errors import ReleaseNotKept
from app.domain.release_stack import as_of
from app.domain.stack import Color, Follower, Singleton, Stack
from tests.examples import a_stack, sha_of
from tests.unit.workers.engine_http import http_engine
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.docker_host.engine import DockerEngine
from workers.adapters.docker_host.stored.definitions import CURRENT, ReleaseFiles
from workers.definition.services.roles import NAME_LABEL
from workers.definition.transform import restamp, transform
from workers.ports import Definition, Stamp

BEFORE = a_stack()
SHA = sha_of("v1.0.0")
STAMP = Stamp("v1.0.0", SHA, "r-1")
SKILLS, API = BEFORE.routed
RENAMED = replace(
    BEFORE,
    routed=(SKILLS, replace(API, colors={Color.BLUE: "app-blue", Color.GREEN: "app-green"})),
    singletons=(Singleton("bot", "discord"), Singleton("cron", "cron")),
)


def definition(stack: Stack, *, named: bool = True) -> dict[str, Any]:
    names = {name: {"image": name, "build": {"context": "/gone"}} for name in stack.moved_services()}
    proxy = {"image": "proxy", "depends_on": {n: {"condition": "service_started", "required": True} for n in names}}
    model = transform({"name": "shop", "services": {**names, "proxy": proxy}}, stack, STAMP)
    for service in model["services"].values():
        if not named:
            service.get("labels", {}).pop(NAME_LABEL, None)
    return model


@contextlib.contextmanager
def engine_of(stack: Stack, releases: Path) -> Iterator[DockerEngine]:
    answers: dict[str, tuple[int, object]] = dict.fromkeys(("GET /containers/json", "GET /images/json"), (200, []))
    with http_engine(answers) as http:
        client = docker.DockerClient(base_url=http.host, version="1.41")
        try:
            yield DockerEngine(client, Compose(find_compose(), "shop", http.host), stack, releases)
        finally:
            client.close()


@pytest.mark.parametrize("named", [True, False])
async def test_a_kept_definition_says_what_it_moves(named: bool, tmp_path: Path) -> None:
    ReleaseFiles(tmp_path).write(SHA, definition(BEFORE, named=named))
    with engine_of(BEFORE, tmp_path) as engine:
        assert as_of(BEFORE, await engine.roles_of(SHA)) == BEFORE
        assert await engine.roles_of("none") == {}


@pytest.mark.parametrize("color", Color)
@pytest.mark.parametrize("today", [BEFORE, RENAMED, replace(BEFORE, routed=(SKILLS,), singletons=())])
async def test_an_older_release_is_published_as_it_runs(today: Stack, color: Color, tmp_path: Path) -> None:
    """The published file is valid, and starts the live services and no others."""
    releases = tmp_path / "releases"
    ReleaseFiles(releases).write(SHA, definition(BEFORE))
    with engine_of(today, releases) as engine:
        part = as_of(today, await engine.roles_of(SHA))
        await engine.publish(Definition(ReleaseFiles(releases).path(SHA), SHA), color)
        assert await engine.one_way(SHA) is False
        assert await engine.published_release() == (SHA, color)
    command = [*find_compose(), "--file", str(ReleaseFiles(releases).path(CURRENT)), "config", "--services"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {*part.services(color), "proxy"}


async def test_what_a_kept_release_lacks_is_named(tmp_path: Path) -> None:
    """The definition is of an earlier updater, and the stack file names other Compose services now."""
    ReleaseFiles(tmp_path).write(SHA, definition(BEFORE, named=False))
    with engine_of(RENAMED, tmp_path) as engine:
        part = as_of(RENAMED, await engine.roles_of(SHA))
        services = part.services(Color.BLUE)
        assert await engine.missing(SHA, services) == ["a definition of app-blue, discord, cron"]
        with pytest.raises(ReleaseNotKept, match="a definition of app-blue, discord, cron"):
            await engine.recall(STAMP, services)
    assert json.loads(ReleaseFiles(tmp_path).path(SHA).read_text()) == definition(BEFORE, named=False), "unchanged"


@pytest.mark.parametrize(
    "today", [{"followers": (Follower("proxy", "proxy"),)}, {"singletons": (Singleton("p", "proxy"),)}]
)
async def test_a_service_that_an_earlier_updater_did_not_move_is_no_way_back(
    today: dict[str, Any], tmp_path: Path
) -> None:
    """Its definition has no names, and the bot is gone from the stack file: it may have become the proxy."""
    releases = tmp_path / "releases"
    ReleaseFiles(releases).write(SHA, definition(BEFORE, named=False))
    with engine_of(replace(BEFORE, **{"singletons": (), **today}), releases) as engine:
        assert await engine.missing(SHA, ["proxy"]) == ["a definition of proxy"]
        with pytest.raises(ReleaseNotKept, match="a definition of proxy"):
            await engine.recall(Stamp("v1.0.0", SHA, "r-2"), ["proxy"])
    kept = definition(BEFORE, named=False)
    again = restamp(kept, replace(BEFORE, **{"singletons": (), **today}), Stamp("v1.0.0", SHA, "r-2"))
    assert again["services"]["proxy"] == kept["services"]["proxy"]
