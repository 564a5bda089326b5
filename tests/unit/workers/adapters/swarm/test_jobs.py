import pytest

from tests.unit.workers.adapters.swarm.attributes import a_service, a_task
from workers.adapters.swarm.jobs import failure_of, once_spec


def test_job_is_one_task_that_nothing_starts_again_or_reaches() -> None:
    spec = once_spec(a_service(replicas=0, starts=0)["Spec"], "r-1-migrate", ["migrate", "--all"])
    task = spec["TaskTemplate"]
    assert spec["Mode"] == {"Replicated": {"Replicas": 1}}
    assert spec["Labels"]["updater.once"] == "r-1-migrate"
    assert task["RestartPolicy"] == {"Condition": "none"}
    assert task["ContainerSpec"]["Args"] == ["migrate", "--all"]
    assert "Hostname" not in task["ContainerSpec"]
    assert task["Networks"] == [{"Target": "n1"}]
    assert "Ports" not in spec["EndpointSpec"]


def test_job_without_a_command_runs_its_own() -> None:
    spec = once_spec(a_service(replicas=0)["Spec"], "r-1-migrate", [])
    assert "Args" not in spec["TaskTemplate"]["ContainerSpec"]


@pytest.mark.parametrize(
    ("state", "code", "error", "expected"),
    [
        ("complete", 0, None, None),
        ("failed", 3, None, "migrate ended with exit code 3"),
        ("rejected", None, "No such image: x", "migrate did not run to its end: No such image: x"),
        ("shutdown", 137, None, "migrate did not run to its end: shutdown"),
    ],
)
def test_end_of_a_job_says_why(state: str, code: int | None, error: str | None, expected: str | None) -> None:
    task = a_task(state=state, code=code)
    task["Status"] |= {"Err": error} if error else {}
    assert failure_of(task, "migrate") == expected
