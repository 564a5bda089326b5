from pathlib import Path
from typing import Any

import pytest

from app.domain.findings import Check, Verdict
from app.domain.routing.routes import ClientRoute
from tests.examples import a_routed, a_stack
from workers.inspect.networks import checks
from workers.ports import Seen, Survey

ROUTE = Path("/routes/dynamic/updater-shop.yml")
OK, WARNING, FAILED = Verdict.OK, Verdict.WARNING, Verdict.FAILED


def container(service: str, *networks: str, **change: Any) -> Seen:
    fields: dict[str, Any] = {"image": service, "command": (), "mounts": {}, "name": f"shop-{service}-1"} | change
    state = fields.pop("state", "running")
    return Seen(service, state, None, color=None, release=None, networks=networks, **fields)


def traefik(*networks: str, **change: Any) -> Seen:
    return container("traefik", *networks, **{"mounts": {"/etc/dynamic": "/routes"}} | change)


DUMPER = container("certs-dumper", "ops", image="ldez/traefik-certs-dumper:v2", mounts={"/data": "/routes"})


def examine(
    *containers: Seen,
    network: str | None = None,
    worker: tuple[str, ...] | None = None,
    others: tuple[Seen, ...] = (),
    off_host: frozenset[str] = frozenset(),
) -> Check | None:
    stack = a_stack(routed=(a_routed("web", 80, "/", ClientRoute("web"), network=network),))
    own = None if worker is None else frozenset(worker)
    seen = Survey(
        containers, 0, 0, {}, None, None, own_name="shop-worker-1", own_networks=own, others=others, off_host=off_host
    )
    found = checks(stack, seen, ROUTE)
    return found[0] if found else None


@pytest.mark.parametrize(
    ("web", "proxy", "network", "worker"),
    [
        (("shop_default",), ("shop_default",), None, ("shop_default",)),
        (("shop_default",), ("shop_default",), None, None),
        (("shop_default",), ("shop_default",), None, ("host",)),
        (("shop_default",), (), None, None),
        (("shop_back",), ("shop_back",), "shop_back", None),
    ],
)
def test_reachable_container_has_no_check(web: Any, proxy: Any, network: str | None, worker: Any) -> None:
    assert examine(container("web-blue", *web), traefik(*proxy), network=network, worker=worker) is None


FRONT = "web-blue is in back, front; the worker asks it in front: "
BACK = "web-blue is in back, front; the worker asks it in back: "


@pytest.mark.parametrize(
    ("proxy", "network", "worker", "expected"),
    [
        (("shop_front",), None, ("shop_back", "shop_front"), f"{FRONT}the worker and traefik reach it"),
        (("shop_front",), None, None, f"{FRONT}the worker and traefik reach it"),
        (
            ("shop_front",),
            None,
            ("shop_back",),
            f"{BACK}the worker reaches it, but traefik reaches none that the worker does",
        ),
        (("shop_front",), "front", ("shop_front",), f"{FRONT}routed/web/network names it"),
        (
            ("shop_back", "shop_front"),
            None,
            None,
            f"{BACK}the worker and traefik reach it, as well as front; to choose, set routed/web/network",
        ),
        (
            (),
            None,
            None,
            f"{BACK}the worker reaches it; Traefik's container is not known, as well as front; to choose, set "
            "routed/web/network",
        ),
    ],
)
def test_choice_among_several_networks_is_reported(proxy: Any, network: Any, worker: Any, expected: str) -> None:
    found = examine(container("web-blue", "shop_back", "shop_front"), traefik(*proxy), network=network, worker=worker)
    assert found == Check("network_web", OK, expected)


def test_network_that_the_host_does_not_reach_is_a_warning() -> None:
    def found(*networks: str, network: str | None = None) -> Check | None:
        blue, proxy = container("web-blue", *networks), traefik("lan", "shop_front")
        return examine(blue, proxy, network=network, off_host=frozenset({"lan"}))

    alone, chosen = found("lan"), found("lan", "shop_front", network="lan")
    assert alone
    assert (alone.status, alone.found) == (
        WARNING,
        "the worker runs on the host, which usually does not reach web-blue in lan",
    )
    assert alone.remedy.startswith("Give web-blue a network with the driver bridge too, or run the worker in lan.")
    assert chosen
    assert chosen.remedy.startswith("Set routed/web/network in the stack file to front.")
    assert found("shop_front") is None
    several = found("lan", "shop_front")
    assert several
    assert "the worker asks it in front" in several.found


def test_stopped_container_has_no_check() -> None:
    assert examine(container("web-blue", state="exited"), container("db"), worker=("x",)) is None


def test_wrong_network_of_the_stack_file_fails() -> None:
    blue, green = (container(f"web-{color}", "shop_back", "shop_front") for color in ("blue", "green"))
    found = examine(blue, green, traefik("shop_front"), network="front2", worker=("shop_back", "shop_front"))
    assert found == Check(
        "network_web",
        FAILED,
        "routed/web/network is front2, but web-blue is in back, front; "
        "routed/web/network is front2, but web-green is in back, front",
        "Set routed/web/network in the stack file to front. "
        "Until then, every release fails its health check. Your traffic is not affected.",
    )
    unknown = examine(blue, network="front2", worker=("elsewhere",))
    assert unknown
    assert unknown.remedy.startswith("Set routed/web/network in the stack file to back or front. ")


def test_worker_in_no_network_of_it_fails() -> None:
    found = examine(container("web-blue", "shop_back"), worker=("shop_ops",))
    assert found
    assert (found.status, found.found) == (
        FAILED,
        "the worker is in ops and shares no network with web-blue (back)",
    )
    assert found.remedy.startswith("Add the worker to back in the Compose file. Until then, every release")


def test_worker_outside_the_chosen_network_fails() -> None:
    found = examine(container("web-blue", "shop_back", "shop_front"), network="front", worker=("shop_back",))
    assert found
    assert found.found == "the worker is not in front, which routed/web/network names for web-blue"
    assert (
        "Add the worker to front in the Compose file, or set routed/web/network in the stack file to back."
        in found.remedy
    )


def test_container_without_an_address_fails() -> None:
    for networks in ((), ("host",)):
        found = examine(container("web-blue", *networks), worker=("shop_default",))
        assert found
        assert (found.status, found.found) == (FAILED, "web-blue has no address of its own")


@pytest.mark.parametrize("others", [False, True])
def test_traefik_in_no_network_of_it_fails(others: bool) -> None:
    edge = traefik("edge")
    containers = (container("web-blue", "shop_back"), *(() if others else (edge,)))
    found = examine(*containers, others=(edge,) if others else ())
    assert found
    assert (found.status, found.found) == (
        FAILED,
        "traefik is in edge and shares no network with web-blue (back)",
    )
    assert found.remedy.startswith("Add traefik to back.")


def test_worker_in_the_host_s_network_chooses_any() -> None:
    blue = container("web-blue", "shop_back", "shop_front")
    found = examine(blue, traefik("shop_front"), network="front2", worker=("host",))
    assert found
    assert found.remedy.startswith("Set routed/web/network in the stack file to front.")


@pytest.mark.parametrize("network", [None, "back"])
def test_traefik_in_the_host_s_network_fails(network: str | None) -> None:
    found = examine(container("web-blue", "shop_back"), traefik("host"), network=network)
    assert found == Check(
        "network_web",
        FAILED,
        "traefik is in the host's network, where it cannot resolve the container names in its routes",
        "Take traefik out of network_mode: host and publish its ports. "
        "Until then, clients get errors while web-blue is live.",
    )


def test_container_that_works_for_traefik_is_not_traefik() -> None:
    blue, dumper = container("web-blue", "shop_back"), DUMPER
    assert examine(blue, dumper, traefik("shop_back")) is None
    assert examine(blue, dumper) is None
    found = examine(blue, dumper, traefik("edge"))
    assert found
    assert found.found.startswith("traefik is in edge ")


@pytest.mark.parametrize(
    "change",
    [
        {"image": "registry.example.org:5000/mirror/traefik:v3@sha256:0"},
        {"image": "proxy", "command": ("/run", "--providers.file.directory=/etc/dynamic")},
        {"image": "proxy", "command": ("/run", "--entryPoints.web.address=:80")},
    ],
)
def test_traefik_is_known_by_image_or_command(change: dict[str, Any]) -> None:
    edge = container("edge", "edge", mounts={"/etc/dynamic": "/routes"}, **change)
    found = examine(container("web-blue", "shop_back"), DUMPER, edge)
    assert found
    assert found.found.startswith("edge is in edge ")


def test_traefik_outside_the_chosen_network_is_a_warning() -> None:
    web = container("web-blue", "shop_back", "shop_front")
    found = examine(web, traefik("shop_front"), network="back", worker=("shop_back",))
    assert found == Check(
        "network_web",
        WARNING,
        "traefik reaches web-blue in front, not in back (routed/web/network)",
        "Set routed/web/network in the stack file to front, or add traefik to back.",
    )


def test_network_name_that_means_two_is_a_warning() -> None:
    found = examine(container("web-blue", "back", "shop_back"), network="back", worker=("back", "shop_back"))
    assert found
    assert found.status is WARNING
    assert found.found == "routed/web/network may mean back or shop_back; the updater uses back"


@pytest.mark.parametrize(
    "other",
    [
        container("worker", "ops", name="shop-worker-1", mounts={"/r": "/routes"}, image="traefik-updater"),
        container("", "ops", name="b-worker-1", mounts={"/r": "/routes"}, command=("python -m workers.main",)),
        container("backup", "ops", mounts={"/r": "/routes"}),
        traefik("ops", state="exited"),
        traefik("ops", mounts={"/r": "/elsewhere"}),
    ],
)
def test_only_a_running_traefik_of_the_directory_counts(other: Seen) -> None:
    assert examine(container("web-blue", "shop_default"), other) is None
