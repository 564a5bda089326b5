"""What Traefik's API says of its routers: a recorded answer of Traefik 3.7 with two providers."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.domain.stack import Color
from tests.examples import a_stack
from workers.routing.loaded import is_one_of, read_loaded
from workers.routing.routers import Router

RECORDED: dict[str, Any] = json.loads((Path(__file__).parents[3] / "samples/traefik/rawdata.json").read_text())
STACK = a_stack()
HOSTS = {"skills-blue": [(STACK.routed[0], Color.BLUE)]}


def named(name: str) -> Router:
    (router,) = [router for router in read_loaded(RECORDED, HOSTS) if router.name == name]
    return router


def test_routers_of_every_provider_are_read() -> None:
    mail = named("mail@rest")
    assert (mail.where, mail.rule, mail.entrypoints) == (
        "router mail@rest in Traefik",
        "Host(`shop.example.org`)",
        ("websecure",),
    )
    assert ([server.url for server in mail.servers], mail.services) == (["http://10.0.0.9:80"], set())
    assert (named("everywhere@rest").services, named("beside@file").services) == ({"skills"}, {"skills"})


def test_tls_of_the_entrypoint_counts() -> None:
    assert (named("everywhere@rest").tls, named("websecure-everywhere@rest").tls) == (None, {})


@pytest.mark.parametrize(("name", "priority"), [("page@rest", 1), ("mail@rest", 24)])
def test_priority_is_traefiks_own(name: str, priority: int) -> None:
    assert named(name).priority == priority


def test_disabled_router_takes_no_request() -> None:
    assert "broken@rest" in RECORDED["routers"]
    assert "broken@rest" not in {router.name for router in read_loaded(RECORDED, HOSTS)}


def test_routers_of_known_files_are_recognized() -> None:
    known = {"updater.shop.skills.1@file", "beside@file", "mail@file"}
    names = {router.name for router in read_loaded(RECORDED, HOSTS) if is_one_of(router, known)}
    assert names == {"updater.shop.skills.1@file", "beside@file", "websecure-beside@file"}


@pytest.mark.parametrize("content", [{}, {"routers": None}, {"routers": []}, {"routers": {"a@docker": None}}])
def test_answer_without_routers_has_none(content: dict[str, Any]) -> None:
    assert read_loaded(content, HOSTS) == []
