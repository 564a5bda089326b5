from typing import Any

import pytest

from tests.unit.workers.adapters.swarm.attributes import IMAGE, NODES, Attributes, a_node, a_service, a_task
from workers.adapters.swarm.slots import compose_service, instance_id, instances_of, parted
from workers.ports import Instance

DOWN = {**NODES, "n1": a_node("n1", "down")}


def first(service: Attributes, *tasks: Attributes, nodes: Any = NODES) -> Instance:
    return instances_of(service, tasks, nodes)[0]


def test_each_slot_is_an_instance() -> None:
    one, two = instances_of(a_service(), [a_task(1), a_task(2, "starting")], NODES)
    assert (one.id, two.id) == ("s1.1", "s1.2")
    assert (one.service, one.rollout, one.release, one.sha) == ("web-blue", "r-1", "v1.0.0", "a" * 40)
    assert (one.image, one.definition, one.stop_grace) == (IMAGE, "d", 3.0)
    assert (one.state, one.health, one.address, one.host) == ("running", "healthy", "10.0.1.1", "shop_web-blue-1")
    assert (two.state, two.health, two.address, two.host) == ("running", "starting", "10.0.1.2", "shop_web-blue-2")
    assert one.addresses == {"shop_back": "10.0.1.1"}, "not that of published ports"
    assert set(one.names) == {"shop_web-blue", "tasks.shop_web-blue", "shop_web-blue-1", "web-blue"}
    assert (one.created.year if one.created else 0, one.restarts, one.silent) == (2026, 0, ())


@pytest.mark.parametrize("checked", ["false", ""])
def test_copy_without_a_check_has_no_health(checked: str) -> None:
    service = a_service()
    service["Spec"]["Labels"]["updater.checked"] = checked
    assert first(service, a_task()).health is None


def test_fixed_host_name_leads_to_no_copy_alone() -> None:
    service = a_service()
    service["Spec"]["TaskTemplate"]["ContainerSpec"]["Hostname"] = "web"
    assert first(service, a_task()).host is None


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("new", "created"),
        ("pending", "created"),
        ("assigned", "created"),
        ("preparing", "created"),
        ("starting", "running"),
        ("running", "running"),
        ("failed", "restarting"),
        ("rejected", "restarting"),
        ("complete", "restarting"),
    ],
)
def test_copy_runs_from_the_start_of_its_container(state: str, expected: str) -> None:
    seen = first(a_service(), a_task(state=state))
    assert seen.state == expected
    assert (seen.address is not None) == (expected == "running")


def test_copy_without_a_task_was_not_started_yet() -> None:
    assert first(a_service()).state == "created"


def test_copy_that_ended_counts_its_restarts() -> None:
    seen = first(a_service(), a_task(state="failed", code=7), a_task(after=1, state="running"))
    assert (seen.state, seen.restarts) == ("running", 1)
    waiting = first(a_service(), a_task(state="failed", code=7), a_task(after=1, state="pending"))
    assert (waiting.state, waiting.restarts, waiting.exit_code) == ("restarting", 1, 7)


def test_tasks_of_an_earlier_start_count_no_more() -> None:
    """Swarm keeps those that failed, also when the service is scaled to zero and up again."""
    seen = first(a_service(starts=2), a_task(state="failed", start=1), a_task(after=5, start=2))
    assert (seen.state, seen.restarts) == ("running", 0)
    assert first(a_service(starts=2), a_task(state="failed", start=1)).state == "created"


def test_service_without_replicas_runs_until_its_tasks_have_ended() -> None:
    """As a node reports it: a task that should end is not one that has ended."""
    stopping = first(a_service(replicas=0), {**a_task(), "DesiredState": "remove"})
    assert (stopping.state, stopping.gone, stopping.address) == ("running", False, None)
    ended = first(a_service(replicas=0), a_task(state="shutdown", code=137))
    assert (ended.state, ended.gone, ended.exit_code) == ("exited", True, 137)
    assert first(a_service(replicas=0)).state == "exited", "Swarm forgets tasks that ended"
    assert [i.id for i in instances_of(a_service(replicas=0), [], NODES)] == ["s1.1", "s1.2"]


def test_service_that_was_never_started_is_created() -> None:
    seen = first(a_service(replicas=0, starts=0))
    assert (seen.state, seen.gone) == ("created", True)


def test_task_on_a_silent_node_may_still_run() -> None:
    """The manager keeps its last word: running."""
    seen = first(a_service(replicas=0), a_task(), nodes=DOWN)
    assert (seen.gone, seen.silent) == (False, ("host-n1",))
    assert first(a_service(replicas=0), a_task(), nodes={}).silent == ("n1",)
    assert first(a_service(replicas=0), a_task(state="shutdown"), nodes=DOWN).gone


def test_copy_that_swarm_moved_may_run_twice() -> None:
    moved = [{**a_task(), "DesiredState": "shutdown"}, a_task(after=14, node="n2")]
    seen = first(a_service(), *moved, nodes=DOWN)
    assert (seen.state, seen.restarts, seen.silent) == ("running", 0, ("host-n1",))
    assert not seen.gone


def test_unassigned_task_runs_nowhere() -> None:
    assert first(a_service(replicas=0), a_task(state="pending", node="")).gone


def test_services_of_a_stack_file_have_their_compose_name() -> None:
    """`docker stack deploy` made them."""
    service = a_service()
    service["Spec"]["Labels"] = {"com.docker.stack.namespace": "shop"}
    assert compose_service(service) == "web-blue"
    assert len(instances_of(service, [], NODES)) == 2
    service["Spec"]["Labels"] = {}
    assert compose_service(service) == ""


def test_ids_name_service_and_slot() -> None:
    assert parted(instance_id("abc", 12)) == ("abc", 12)
    assert parted("0" * 64) == ("0" * 64, 0)
    assert parted("") == ("", 0)


def test_copy_of_a_deployed_stack_has_the_name_of_its_service() -> None:
    """`docker stack deploy` gives its copies no names. Its service's name leads to all of them."""
    service = a_service(replicas=2)
    labels = service["Spec"]["Labels"] = {"com.docker.stack.namespace": "shop"}
    service["Spec"]["TaskTemplate"]["ContainerSpec"].pop("Hostname")
    one, two = instances_of(service, [a_task(1), a_task(2)], NODES)
    assert (one.service, one.host, two.host) == ("web-blue", "shop_web-blue", "shop_web-blue")
    assert (one.rollout, one.sha, one.health) == (None, None, None)
    at_rest = a_service(replicas=0, starts=0)
    at_rest["Spec"]["Labels"] = labels
    assert first(at_rest).state == "exited", "it ran before it was adopted"
    labels["updater.compose-service"] = "web-blue"
    assert first(service, a_task()).host is None
