"""The one container of a service that both colors are made from: which of the engine's containers count as a color."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.domain.stack import Color, Stack, made_colors
from tests.examples import a_stack
from workers.adapters.docker_host.adoption.adoption import DockerAdoption
from workers.adapters.docker_host.adoption.model import adopted_model, as_counted, kept_images, recreatable
from workers.adapters.docker_host.adoption.record import Adopted, AdoptedFile
from workers.adapters.docker_host.client import SERVICE_LABEL, Docker
from workers.adapters.docker_host.compose.client import Compose
from workers.definition.live_model import as_it_runs
from workers.definition.services.colors import SINGLES, with_colors, with_singles
from workers.definition.services.copies import copies_of
from workers.definition.services.roles import ROLLOUT_LABEL
from workers.ports import Instance, Stamp

STAMP = Stamp("v1.0.0", "a" * 40, "adopted-1")
STACK = a_stack(routed=(replace(a_stack().routed[1], made_from="api"),))
HASH = "com.docker.compose.config-hash"


class Listed:
    """An engine that lists these containers: id, service and state of each."""

    def __init__(self, *containers: tuple[str, str, str], labels: Mapping[str, str]) -> None:
        self._containers, self._labels = containers, labels

    async def containers(self, project: str, *labels: str) -> list[Any]:
        assert project == "shop"
        return [
            SimpleNamespace(
                attrs={
                    "Id": id_,
                    "Name": f"/shop-{service}-1",
                    "State": {"Status": state},
                    "Config": {"Labels": {SERVICE_LABEL: service, **self._labels}, "StopTimeout": None},
                    "NetworkSettings": {
                        "Networks": {"shop_default": {"IPAddress": "10.0.0.2"}},
                        "Ports": {"8090/tcp": [{"HostIp": "127.0.0.1", "HostPort": "80"}], "9/tcp": None},
                    },
                    "Created": "2026-01-02T03:04:05Z",
                }
            )
            for id_, service, state in self._containers
            if {SERVICE_LABEL, f"{SERVICE_LABEL}={service}"} & {*labels}
        ]


@pytest.fixture
def singles(tmp_path: Path) -> Callable[..., Any]:
    async def found(
        *containers: tuple[str, str, str],
        service: str = "api-blue",
        adopted: str = "",
        stack: Stack = STACK,
        **labels: str,
    ) -> list[Instance]:
        file = AdoptedFile(tmp_path)
        if adopted:
            file.put(Adopted(STAMP, {adopted: "api-blue"}))
        listed = cast("Docker", Listed(*containers, labels=labels))
        return await DockerAdoption(listed, cast("Compose", None), stack, file).singles(service)

    return found


async def test_running_container_counts_as_blue(singles: Callable[..., Any]) -> None:
    (found,) = await singles(("c1", "api", "running"))
    assert (found.id, found.service, found.single, found.ports) == ("c1", "api-blue", True, ("127.0.0.1:80",))
    assert await singles(("c1", "api", "running"), service="api-green") == []
    assert await singles(("c1", "bot", "running"), service="bot") == []


async def test_container_that_a_rollout_made_counts_as_none(singles: Callable[..., Any]) -> None:
    """It was a singleton or a follower of the live release, and becomes routed."""
    assert await singles(("c1", "api", "running"), **{ROLLOUT_LABEL: "r-1"}) == []


async def test_container_beside_running_colors_counts_as_none(singles: Callable[..., Any]) -> None:
    """Someone started it later with an old file: no route leads to it, and none may."""
    for color in ("api-blue", "api-green"):
        assert await singles(("c1", "api", "running"), ("c2", color, "running")) == []
        assert len(await singles(("c1", "api", "running"), ("c2", color, "exited"))) == 1


async def test_stopped_container_counts_only_if_it_was_adopted(singles: Callable[..., Any]) -> None:
    stopped = ("c1", "api", "exited")
    assert await singles(stopped) == []
    assert [i.id for i in await singles(stopped, ("c2", "api-green", "running"), adopted="c1")] == ["c1"]
    assert await singles(("c3", "api", "running"), ("c2", "api-green", "running"), adopted="c1") == []


@pytest.mark.parametrize("made_from", [None, "site"])
async def test_adopted_container_counts_after_the_stack_file_changed(
    singles: Callable[..., Any], made_from: str | None, tmp_path: Path
) -> None:
    """It serves until the next release, whatever the stack file names now."""
    colors = made_colors(made_from or "app")
    changed = replace(STACK, routed=(replace(STACK.routed[0], colors=colors, made_from=made_from),))
    runs = (("c1", "api", "running"), ("c2", "bot", "running"), ("c3", "api-blue", "exited"))
    assert [i.id for i in await singles(*runs, adopted="c1", stack=changed)] == ["c1"]
    file, listed = AdoptedFile(tmp_path), cast("Docker", Listed(*runs, labels={}))
    counted = await DockerAdoption(listed, cast("Compose", None), changed, file).counted()
    assert counted == {"shop-api-1": "api-blue"}
    assert await singles(*runs, adopted="c3", stack=changed) == [], "it is the color itself"


def model() -> dict[str, Any]:
    """The live directory's model."""
    api = {"build": {"context": "/srv/shop/api"}, "ports": [{"target": 8090, "published": "80"}]}
    return {"name": "shop", "services": {"api": api, "bot": {"image": "bot"}}}


def test_both_colors_can_be_recreated_from_its_image() -> None:
    images = {"api-blue": "sha256:1"}
    kept = kept_images(model(), STACK, STAMP, Color.BLUE, images)
    assert kept == {f"shop-api-{color}:{'a' * 12}": "sha256:1" for color in Color}
    defined = adopted_model(model(), STACK, STAMP, {"api-blue": "shop-api-blue:x"})
    assert (defined["services"]["api-blue"]["image"], "api" in defined["services"]) == ("shop-api-blue:x", False)
    assert defined[SINGLES] == {"api": model()["services"]["api"]}


@pytest.mark.parametrize(("label", "same"), [("h1", {"api-blue", "api-green"}), ("h2", set())])
def test_changed_file_of_its_service_is_seen(label: str, same: set[str]) -> None:
    instance = Instance("c1", "api-blue", "running", labels={HASH: label}, single=True)
    assert recreatable({"api": "h1", "bot": "h3"}, STACK, Color.BLUE, [instance]) == same


@pytest.mark.parametrize("written", [{}, {"scale": 2}, {"deploy": {"replicas": 5}}])
def test_adopted_service_has_as_many_copies_as_run(written: dict[str, Any]) -> None:
    """Else a plain `docker compose up` would stop what an operator scaled by hand, or start more."""
    source = model()
    source["services"]["api"] |= written
    running = [Instance(f"c{n}", "api-blue", "running", single=True) for n in range(3)]
    counted = as_counted(source, STACK, Color.BLUE, running)
    both = with_singles(with_colors(counted, STACK), counted, STACK)
    content = as_it_runs(both, None, STACK, Color.BLUE, {}, sha=STAMP.sha, singles={"api-blue"})
    starts = {n: copies_of(s) for n, s in content["services"].items() if not s.get("profiles")}
    assert starts == {"api": 3, "bot": 1}
    defined = adopted_model(counted, STACK, STAMP, {})
    assert {copies_of(defined["services"][f"api-{color}"]) for color in Color} == {3}
