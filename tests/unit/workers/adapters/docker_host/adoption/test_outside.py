"""What runs the bot outside the stack's Compose project."""

from typing import Any

import pytest

from tests.examples import a_stack
from workers.adapters.docker_host.adoption.outside import outsiders
from workers.ports import Outsider

STACK = a_stack(directory="/srv/shop", compose_files=("compose.yaml",))
MODEL = {"services": {"bot": {"container_name": "zeth-bot", "image": "registry/bot"}}}
OWN_FILE = "/srv/shop/compose.yaml"


def listed(name: str, project: str | None = None, **more: Any) -> dict[str, Any]:
    """A container in the form of `GET /containers/json`."""
    labels = {"com.docker.compose.project": project, "com.docker.compose.service": "bot"} if project else {}
    labels |= {f"com.docker.compose.{key}": value for key, value in more.pop("compose", {}).items()}
    labels |= more.pop("labels", {})
    return {"Id": "f" * 64, "Names": [f"/{name}"], "State": "running", "Image": "other", "Labels": labels, **more}


def found(*containers: dict[str, Any], model: dict[str, Any] = MODEL) -> list[Outsider]:
    return outsiders(containers, model, STACK, "bot")


@pytest.mark.parametrize(
    ("container", "outsider"),
    [
        (listed("zeth-bot", "legacy"), Outsider("zeth-bot", "legacy", named=True)),
        (listed("zeth-bot"), Outsider("zeth-bot", None, named=True)),
        (listed("zeth-bot", State="restarting"), Outsider("zeth-bot", None, named=True)),
        (listed("zeth-bot", State="paused"), Outsider("zeth-bot", None, named=True)),
        (
            listed("zeth-bot", "shop", compose={"service": "telegram"}),
            Outsider("zeth-bot", "shop", named=True),
        ),
        (
            listed("old-bot-1", "old", compose={"project.config_files": f"/x.yaml,{OWN_FILE}"}),
            Outsider("old-bot-1", "old"),
        ),
        (
            listed("shop-bot-run-1", "shop", compose={"project.config_files": OWN_FILE, "oneoff": "True"}),
            Outsider("shop-bot-run-1", "shop"),
        ),
        (listed("lonely", Image="registry/bot:latest"), Outsider("lonely", None)),
    ],
)
def test_outside_copies_are_found(container: dict[str, Any], outsider: Outsider) -> None:
    assert found(container) == [outsider]


@pytest.mark.parametrize(
    "container",
    [
        listed("zeth-bot", "shop"),
        listed("zeth-bot", "shop", compose={"oneoff": "False", "project.config_files": OWN_FILE}),
        listed("zeth-bot", "legacy", State="exited"),
        listed("zeth-bot", State="created"),
        listed("once", "shop", compose={"oneoff": "True"}, labels={"updater.once": "r-1"}),
        listed("other-bot-1", "other", compose={"project.config_files": "/srv/other/compose.yaml"}),
        listed("other-bot-1", "other", Image="registry/bot"),
        listed("api-1", "old", compose={"service": "api", "project.config_files": OWN_FILE}),
        listed("try", Image="registry/bot:v2"),
    ],
)
def test_other_containers_are_no_copies(container: dict[str, Any]) -> None:
    assert found(container) == []


def test_built_image_has_the_name_that_compose_gives_it() -> None:
    model = {"services": {"bot": {"build": {"context": "."}}}}
    assert found(listed("lonely", Image="shop-bot"), model=model) == [Outsider("lonely", None)]
    assert found(listed("lonely", Image="shop-bot"), listed("zeth-bot"), model={}) == [Outsider("lonely", None)]


def test_container_of_the_project_is_outside_a_swarm() -> None:
    left = listed("shop-bot-1", "shop")
    assert found(left) == []
    assert outsiders([left], MODEL, STACK, "bot", of_the_engine=False) == [Outsider("shop-bot-1", "shop")]
    other = listed("shop-api-1", "shop", compose={"service": "api"})
    assert outsiders([other], MODEL, STACK, "bot", of_the_engine=False) == []
