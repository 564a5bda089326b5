import asyncio
import contextlib
from pathlib import Path

import pytest

from app.config.release_policy import ReleasePolicy
from app.config.settings import WorkerSettings
from app.domain.errors import SettingsInvalid
from app.domain.stack import Policy, Window
from app.queue import open_pool
from tests.examples import a_stack
from tests.unit.workers.engine_http import http_engine
from workers.adapters.redaction import Redactor
from workers.wiring import lease_of, release_policy_of, wire

CLOSE_SECONDS = 20.0
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
