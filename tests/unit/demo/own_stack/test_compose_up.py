import pytest

from deploy.demo.own_stack.compose_up import has_failed, is_ready


def container(status: str, code: int = 0, health: str | None = None, restart: str = "no") -> dict[str, object]:
    state = {"Status": status, "ExitCode": code, **({"Health": {"Status": health}} if health else {})}
    return {"State": state, "HostConfig": {"RestartPolicy": {"Name": restart}}}


@pytest.mark.parametrize(
    ("given", "ready", "failed"),
    [
        (container("running"), True, False),
        (container("running", health="starting"), False, False),
        (container("running", health="healthy"), True, False),
        (container("exited"), True, False),
        (container("exited", 1), False, True),
        (container("exited", 1, restart="unless-stopped"), False, False),
        (container("restarting", 1), False, False),
        (container("created"), False, False),
    ],
)
def test_state_of_a_service_beside(given: dict[str, object], ready: bool, failed: bool) -> None:
    assert (is_ready(given), has_failed(given)) == (ready, failed)
