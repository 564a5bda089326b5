import asyncio
import contextlib
from pathlib import Path

import pytest

from app.config.release_policy import ReleasePolicy
from app.config.settings import WorkerSettings
from app.domain.errors import SettingsInvalid
from app.domain.required_checks import RequiredChecks
from app.domain.stack import Policy, Window
from app.queue import open_pool
from tests.examples import a_stack
from tests.fakes.world import World
from tests.unit.workers.engine_http import http_engine
from workers.adapters.github_api.client import GithubkitApi
from workers.adapters.redaction import Redactor
from workers.main import _beside
from workers.watchdogs.required_checks import RequiredChecksWatch
from workers.wiring import lease_of, release_policy_of, wire

CLOSE_SECONDS = 120.0
NIGHTS = Window("0 22 * * *", 3600)


@pytest.mark.parametrize(
    ("environ", "policy"),
    [
        ({}, ReleasePolicy(windows=(NIGHTS,))),
        ({"AUTO_UPDATE_ENABLED": "false"}, ReleasePolicy(enabled=False, windows=(NIGHTS,))),
        ({"UPDATE_REQUIRE_APPROVAL": "true"}, ReleasePolicy(approval=True, windows=(NIGHTS,))),
    ],
)
def test_policy_combines_environment_and_stack(environ: dict[str, str], policy: ReleasePolicy) -> None:
    needed = {"REDIS_URL": "redis://h", "UPDATER_TRAEFIK_DYNAMIC_PATH": "/routes"}
    assert (
        release_policy_of(WorkerSettings.from_environ(needed | environ), a_stack(policy=Policy(windows=(NIGHTS,))))
        == policy
    )


@pytest.mark.parametrize("required", [None, RequiredChecks(), RequiredChecks(("build",))])
async def test_required_checks_hold_releases_and_are_watched(
    world: World, tmp_path: Path, required: RequiredChecks | None
) -> None:
    environ = {"REDIS_URL": "redis://h", "UPDATER_TRAEFIK_DYNAMIC_PATH": "/routes", "UPDATER_DATA_DIR": str(tmp_path)}
    settings, stack = WorkerSettings.from_environ(environ), a_stack(policy=Policy(require_checks=required))
    assert release_policy_of(settings, stack).checks is (required is not None)
    github = GithubkitApi(lambda: stack.repository, stack.github, api_url=settings.github_api_url, token=None)
    parts = _beside(settings, stack, world.ports, github, world.worker())
    assert any(isinstance(part, RequiredChecksWatch) for part in parts) is (required is not None)


async def test_worker_without_a_file_for_the_routes_connects_to_nothing(tmp_path: Path) -> None:
    settings = WorkerSettings.from_environ({"REDIS_URL": "redis://h", "UPDATER_DATA_DIR": str(tmp_path)})
    redactor = Redactor(tmp_path)
    async with contextlib.aclosing(open_pool(settings.redis_url, settings.namespace)) as pool:
        with pytest.raises(SettingsInvalid, match="UPDATER_TRAEFIK_DYNAMIC_PATH: is not set"):
            async with wire(settings, a_stack(), pool, redactor, lease_of(settings)):
                pass


async def test_failed_start_leaves_no_connection_open(tmp_path: Path) -> None:
    """The route file is checked when the engine is already connected."""
    with http_engine({"GET /_ping": (200, "OK"), "GET /version": (200, {"ApiVersion": "1.41"})}) as engine:
        environ = {"REDIS_URL": "redis://h", "UPDATER_TRAEFIK_DYNAMIC_PATH": str(tmp_path / "routes.toml")}
        environ |= {"DOCKER_HOST": engine.host, "UPDATER_DATA_DIR": str(tmp_path)}
        settings, stack = WorkerSettings.from_environ(environ), a_stack()
        redactor = Redactor(Path(stack.directory))
        async with contextlib.aclosing(open_pool(settings.redis_url, settings.namespace)) as pool:
            with pytest.raises(SettingsInvalid, match="is TOML") as failed:
                async with wire(settings, stack, pool, redactor, lease_of(settings)):
                    pass
        assert engine.asked
        assert await asyncio.to_thread(engine.wait_until_closed, CLOSE_SECONDS)
        assert failed.value, "its traceback keeps every object of the failed start alive"
