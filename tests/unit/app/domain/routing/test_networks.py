"""Which of several networks leads to the copies of a routed service."""

from collections.abc import Collection

import pytest

from app.domain.routing.networks import Choice, Peers, choose
from app.domain.routing.routes import ClientRoute
from tests.examples import a_routed, a_stack


def chosen(*networks: str, key: str | None = None, **peers: Collection[str] | None) -> Choice:
    stack = a_stack(routed=(a_routed("web", 80, "/", ClientRoute("web"), network=key),))
    found = {name: None if each is None else frozenset(each) for name, each in peers.items()}
    return choose(stack, stack.routed[0], networks, Peers(**found))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("worker", "traefik", "expected"),
    [
        (None, None, "a"),
        (None, {"b"}, "b"),
        (None, {"b", "c"}, "b"),
        (None, {"elsewhere"}, "a"),
        ({"c"}, {"b"}, "c"),
        ({"b", "c"}, {"c"}, "c"),
        ({"b", "c"}, None, "b"),
        ({"elsewhere"}, {"b"}, None),
    ],
)
def test_shared_network_comes_first(worker: set[str] | None, traefik: set[str] | None, expected: str | None) -> None:
    assert chosen("a", "b", "c", worker=worker, traefik=traefik).network == expected


def test_choice_does_not_depend_on_the_order() -> None:
    assert chosen("b", "a").network == chosen("a", "b").network == "a"


def test_network_off_the_host_comes_last() -> None:
    assert chosen("a", "b", off_host={"a"}).network == "b"
    assert chosen("a", "b", off_host={"a"}, traefik={"a"}).network == "b", "the worker reaches it, and Traefik by name"
    assert chosen("a", off_host={"a"}).network == "a", "the host may have a route to it"
    assert chosen("a", "b", off_host={"a"}, worker={"a", "b"}).network == "a", "the worker is in it"


def test_default_bridge_has_no_names_for_traefik() -> None:
    assert chosen("bridge", "front", traefik={"bridge", "front"}).network == "front"


def test_key_decides_by_either_name() -> None:
    for key in ("back", "shop_back"):
        assert chosen("shop_back", "shop_front", key=key, traefik={"shop_front"}).network == "shop_back"
    assert chosen("shop_front", key="back").network is None


def test_reason_names_the_key_if_several_would_do() -> None:
    assert chosen("shop_a", "shop_b", traefik={"shop_a", "shop_b"}).reason == (
        "the worker and Traefik reach it, as well as b; to choose, set routed/web/network"
    )
    assert chosen("shop_a", "shop_b", traefik={"shop_b"}).reason == "the worker and Traefik reach it"
