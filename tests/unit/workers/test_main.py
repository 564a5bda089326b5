import pytest

from app.config.release_policy import ReleasePolicy
from app.config.settings import WorkerSettings
from app.domain.stack import Policy, Window
from tests.examples import a_stack
from workers.main import release_policy_of

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
