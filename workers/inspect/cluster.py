"""Checks of a swarm: managers, nodes, what these could not pull, and the packets between them. Pure functions."""

from collections.abc import Iterator

from app.domain.findings import Check, Verdict
from app.domain.stack import Stack
from workers.ports import Cluster, Machine

VXLAN_BYTES = 50
"""What an overlay network adds to each packet. https://docs.docker.com/engine/network/drivers/overlay/"""

WITHOUT_MANAGER = "no release goes live and no copy starts elsewhere, until it answers again; your traffic goes on"


def checks(stack: Stack, cluster: Cluster | None) -> Iterator[Check]:
    """None: one host, of which there is nothing to say."""
    if cluster is None:
        return
    yield _quorum([machine for machine in cluster.machines if machine.manager])
    yield _nodes(cluster.machines)
    yield from _pinned(stack, cluster)
    yield _registry(cluster.machines)
    yield _packets(cluster)


def _quorum(managers: list[Machine]) -> Check:
    answering = sum(each.reachable for each in managers)
    needed = len(managers) // 2 + 1
    found = f"{answering} of {len(managers)} managers answer, {needed} must"
    if answering < needed:
        remedy = "Bring managers back. https://docs.docker.com/engine/swarm/admin_guide/#recover-from-losing-the-quorum"
        return Check("swarm_quorum", Verdict.FAILED, found, remedy)
    if answering > needed:
        return Check("swarm_quorum", Verdict.OK, found)
    remedy = f"If one more fails, {WITHOUT_MANAGER}. Have three managers or five: `docker swarm join-token manager`."
    return Check("swarm_quorum", Verdict.WARNING, found, remedy)


def _nodes(machines: tuple[Machine, ...]) -> Check:
    if silent := _names(each for each in machines if not each.ready):
        remedy = "What ran there may still run. Bring it back; or shut it down, then `docker node rm --force` it."
        return Check("swarm_nodes", Verdict.WARNING, f"{silent} does not answer", remedy)
    resting = _names(each for each in machines if not each.active)
    found = f"{len(machines)} nodes answer" + (f"; {resting} gets no new copies (drained or paused)" if resting else "")
    return Check("swarm_nodes", Verdict.OK, found)


def _pinned(stack: Stack, cluster: Cluster) -> Iterator[Check]:
    """A singleton on one node runs nowhere else."""
    known = {each.name for each in cluster.machines}
    for name, node in ((each.name, each.node) for each in stack.singletons if each.node and each.node not in known):
        remedy = f"Correct singletons/{name}/node: `docker node ls` shows the nodes ({', '.join(sorted(known))})."
        yield Check(f"node_{name}", Verdict.FAILED, f"no node has the name {node}, so {name} cannot start", remedy)


def _registry(machines: tuple[Machine, ...]) -> Check:
    refused = [f"{each.name}: {each.refused}" for each in machines if each.refused]
    if not refused:
        return Check("swarm_registry", Verdict.OK, "every node got the image of the last copy that it was given")
    remedy = "On that node, `docker pull` the image: the registry has to answer there, with a certificate it trusts."
    return Check("swarm_registry", Verdict.WARNING, "; ".join(refused), remedy)


def _packets(cluster: Cluster) -> Check:
    name, largest = max(cluster.networks.items(), key=lambda each: each[1], default=("", 0))
    needed = largest + VXLAN_BYTES
    if not name:
        return Check("swarm_mtu", Verdict.OK, "the stack has no network between the nodes yet")
    found = f"{name} has packets of {largest} bytes, so the network of the nodes needs an MTU of {needed}"
    if cluster.packet is None:
        return Check("swarm_mtu", Verdict.OK, f"{found} (this container does not see it: `ip link` on each node)")
    if cluster.packet >= needed:
        return Check("swarm_mtu", Verdict.OK, f"{found}, and this node has {cluster.packet}")
    remedy = (
        "Large answers of copies on other nodes get lost, small ones do not. Write a smaller one for the network, in "
        f"its driver_opts: com.docker.network.driver.mtu: {cluster.packet - VXLAN_BYTES}. Swarm has to make it again."
    )
    return Check("swarm_mtu", Verdict.FAILED, f"{found}, but this node has {cluster.packet}", remedy)


def _names(machines: Iterator[Machine]) -> str:
    return ", ".join(sorted(each.name for each in machines))
