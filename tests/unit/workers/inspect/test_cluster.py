"""What doctor says of a swarm's managers, nodes and networks."""

from dataclasses import replace

import pytest

from app.domain.findings import Check, Verdict
from app.domain.stack import Singleton
from tests.examples import a_stack
from workers.inspect.cluster import checks
from workers.ports import Cluster, Machine

OK, WARNING, FAILED = Verdict.OK, Verdict.WARNING, Verdict.FAILED
WORKER = Machine("node4")


def managers(*reachable: bool) -> tuple[Machine, ...]:
    return tuple(Machine(f"node{n}", manager=True, reachable=each) for n, each in enumerate(reachable, 1))


def found(name: str, cluster: Cluster, *singletons: Singleton) -> Check:
    (check,) = (each for each in checks(a_stack(singletons=singletons), cluster) if each.name == name)
    return check


def test_one_host_is_no_cluster() -> None:
    assert not list(checks(a_stack(), None))


@pytest.mark.parametrize(
    ("reachable", "verdict"),
    [
        ((True,), WARNING),
        ((True, True), WARNING),
        ((True, True, True), OK),
        ((True, True, False), WARNING),
        ((True, False, False), FAILED),
        ((True, True, True, True, False), OK),
    ],
)
def test_one_manager_may_fail(reachable: tuple[bool, ...], verdict: Verdict) -> None:
    check = found("swarm_quorum", Cluster((*managers(*reachable), WORKER)))
    assert check.status is verdict
    assert check.found.startswith(f"{sum(reachable)} of {len(reachable)} managers answer")
    assert bool(check.remedy) is (verdict is not OK)


def test_node_that_does_not_answer_is_named() -> None:
    silent = found("swarm_nodes", Cluster((*managers(True), replace(WORKER, ready=False))))
    assert (silent.status, silent.found) == (WARNING, "node4 does not answer")
    drained = found("swarm_nodes", Cluster((*managers(True), replace(WORKER, active=False))))
    assert (drained.status, drained.found) == (
        OK,
        "2 nodes answer; node4 gets no new copies (drained or paused)",
    )


def test_singleton_needs_the_node_that_it_is_pinned_to() -> None:
    cluster = Cluster((*managers(True), WORKER))
    check = found("node_bot", cluster, Singleton("bot", "bot", "node5"), Singleton("clock", "clock", "node4"))
    assert (check.status, check.found) == (FAILED, "no node has the name node5, so bot cannot start")
    assert "node1, node4" in check.remedy


def test_node_that_could_not_pull_is_named() -> None:
    assert found("swarm_registry", Cluster(managers(True))).status is OK
    refused = replace(WORKER, refused="No such image: registry.example.org/team/web@sha256:00")
    check = found("swarm_registry", Cluster((*managers(True), refused)))
    assert (check.status, check.found) == (WARNING, f"node4: {refused.refused}")


@pytest.mark.parametrize(("packet", "verdict"), [(1500, OK), (1550, OK), (1499, FAILED), (1420, FAILED), (None, OK)])
def test_packets_of_an_overlay_need_room(packet: int | None, verdict: Verdict) -> None:
    """Otherwise large answers are lost, and small ones, as of a health check, are not."""
    check = found("swarm_mtu", Cluster(managers(True), {"shop_back": 1450, "shop_front": 1400}, packet))
    assert check.status is verdict
    assert check.found.startswith("shop_back has packets of 1450 bytes")
    if verdict is FAILED:
        assert f"com.docker.network.driver.mtu: {packet - 50 if packet else ''}." in check.remedy
    assert found("swarm_mtu", Cluster(managers(True))).status is OK
