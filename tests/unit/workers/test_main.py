import pytest

from app.domain.stack import Policy, Window
from app.gate import Gate
from app.settings import WorkerSettings
from tests.examples import a_stack
from workers.main import gate_of

NIGHTS = Window("0 22 * * *", 3600)


@pytest.mark.parametrize(
    ("environ", "gate"),
    [
        ({}, Gate(windows=(NIGHTS,))),
        ({"AUTO_UPDATE_ENABLED": "false"}, Gate(enabled=False, windows=(NIGHTS,))),
        ({"UPDATE_REQUIRE_APPROVAL": "true"}, Gate(approval=True, windows=(NIGHTS,))),
    ],
)
def test_what_holds_releases_back_is_as_the_environment_and_the_stack_file_have_it(
    environ: dict[str, str], gate: Gate
) -> None:
    needed = {"REDIS_URL": "redis://h", "UPDATER_TRAEFIK_DYNAMIC_PATH": "/routes"}
    assert gate_of(WorkerSettings.from_environ(needed | environ), a_stack(policy=Policy(windows=(NIGHTS,)))) == gate
