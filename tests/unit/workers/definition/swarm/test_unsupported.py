from dataclasses import replace
from typing import Any

import pytest

from app.domain.stack import EngineKind, Singleton
from tests.examples import a_routed, a_stack
from tests.unit.workers.definition.swarm.models import a_model
from workers.definition.swarm.unsupported import unsupported, warnings

STACK = a_stack(engine=EngineKind.SWARM, routed=(replace(a_routed("web", 80, "/"), made_from="web"),))
PINNED = replace(STACK, singletons=(Singleton("bot", "bot", "worker-1"),))
VOLUME = {"type": "volume", "source": "data", "target": "/d", "volume": {}}


def problems(stack: Any = STACK, **change: Any) -> list[str]:
    return list(unsupported(a_model(**change), stack, ("/data/files",)))


def test_what_swarm_can_do_refuses_nothing() -> None:
    assert problems() == []
    assert problems(container_name="x", depends_on={"db": {}}, build={"context": "."}, expose=["80"]) == []


@pytest.mark.parametrize(
    ("key", "value", "remedy"),
    [
        ("privileged", True, "outside the stack"),
        ("devices", ["/dev/x"], "label"),
        ("network_mode", "host", "a network of the file"),
        ("shm_size", "67108864", "type: tmpfs"),
        ("links", ["db"], "by its name"),
        ("annotations", {"a": "b"}, "Remove it"),
        ("a_key_of_tomorrow", 1, "Remove it"),
    ],
)
def test_key_that_swarm_lacks_refuses_the_release(key: str, value: object, remedy: str) -> None:
    """What is not known to run as the release says does not run."""
    found = problems(**{key: value})
    assert [line.partition(".")[0] for line in found] == [f"web: Swarm has no {key}", f"bot: Swarm has no {key}"]
    assert all(remedy in line for line in found)


def test_key_without_a_value_refuses_nothing() -> None:
    assert problems(privileged=False, devices=[], **{"x-note": 1}) == []


def test_service_that_no_rollout_moves_may_use_anything() -> None:
    model = a_model()
    model["services"]["db"] = {"image": "db", "privileged": True}
    assert list(unsupported(model, STACK)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"networks": {"back": {"ipv4_address": "10.0.0.9"}}}, "cannot fix networks/back/ipv4_address"),
        ({"deploy": {"mode": "global"}}, "max_replicas_per_node: 1"),
        ({"ports": [{"target": 80, "published": "8080", "host_ip": "127.0.0.1"}]}, "address before 8080"),
        ({"volumes": [{"type": "image", "source": "x", "target": "/i"}]}, "mounts no image at /i"),
        ({"volumes": [{"type": "bind", "source": "/data/files/ab", "target": "/c"}]}, "Write it as a config"),
        (
            {"volumes": [{**VOLUME, "volume": {"subpath": "a"}}], "deploy": {"placement": {"constraints": ["a"]}}},
            "subp",
        ),
    ],
)
def test_use_that_swarm_lacks_refuses_the_release(change: dict[str, Any], words: str) -> None:
    found = problems(**change)
    assert [line.partition(":")[0] for line in found] == ["web", "bot"]
    assert all(words in line for line in found)


def test_network_of_one_host_refuses_the_release() -> None:
    model = a_model()
    model["networks"]["back"]["driver"] = "bridge"
    assert [line.partition(":")[0] for line in unsupported(model, STACK)] == ["web"]


def test_name_that_swarm_refuses_is_named() -> None:
    model = a_model()
    model["services"]["my.bot"] = model["services"].pop("bot")
    stack = replace(STACK, singletons=(Singleton("bot", "my.bot"),))
    (line,) = unsupported(model, stack)
    assert line.startswith("my.bot: Swarm takes no service of that name")


def test_singleton_with_a_volume_needs_a_node() -> None:
    """On another node it would start with an empty volume."""
    (line,) = problems(volumes=[VOLUME])
    assert line.startswith("bot: each node has its own volume data")
    assert "singletons/bot/node" in line
    assert problems(PINNED, volumes=[VOLUME]) == []
    assert problems(volumes=[{**VOLUME, "source": "shared"}]) == []
    assert problems(volumes=[VOLUME], deploy={"placement": {"constraints": ["node.labels.disk==ssd"]}}) == []


def test_files_and_volumes_of_each_node_are_a_warning() -> None:
    bind = {"type": "bind", "source": "/srv/shop/uploads", "target": "/u"}
    found = list(warnings(a_model(volumes=[bind, VOLUME]), PINNED))
    assert [line.partition(" ")[0] for line in found] == ["web", "web"]
    assert "/srv/shop/uploads" in found[0]
    assert "each node has its own" in found[1]
    assert list(warnings(a_model(), STACK)) == []


def test_stack_on_one_host_is_not_asked() -> None:
    model, stack = a_model(privileged=True, volumes=[VOLUME]), replace(STACK, engine=EngineKind.COMPOSE)
    assert [*unsupported(model, stack), *warnings(model, stack)] == []
    assert list(unsupported(model, STACK))
