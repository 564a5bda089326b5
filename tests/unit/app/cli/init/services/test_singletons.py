from typing import Any

from app.cli.init.services.own_services import old_updaters, own_services
from app.cli.init.services.singletons import Others, likely_singletons

SOCKET = {"volumes": ["/var/run/docker.sock:/var/run/docker.sock"]}
TOKEN = {"environment": ["DISCORD_TOKEN=x"]}


def found(services: dict[str, Any], moved: tuple[str, ...] = (), servers: tuple[str, ...] = ()) -> tuple[Any, Any]:
    sure, unsure = likely_singletons(services, "shop-", Others(moved, list(old_updaters(services)), servers))
    return list(sure), list(unsure)


def test_bot_is_found_by_name_image_or_token() -> None:
    services = {
        "shop-bot": {},
        "talk": {"image": "example.org/my-bot:1"},
        "mail": TOKEN,
        "postgres": {"image": "postgres"},
    }
    assert found(services) == (["bot", "talk", "mail"], [])


def test_shared_token_does_not_make_a_bot() -> None:
    shared = {"build": ".", **TOKEN}
    services = {"shop-bot": shared, "agent": {**shared, "expose": ["1"]}, "bridge": {**shared, **SOCKET}}
    assert found(services) == (["bot"], [])
    assert found({"api-blue": shared, "api-green": shared, "agent": shared}, moved=("api-blue", "api-green")) == (
        [],
        ["agent"],
    )


def test_token_does_not_make_a_server_a_bot() -> None:
    services = {"agent": {**TOKEN, "build": ".", **SOCKET}, "web": {**TOKEN, "build": "."}}
    assert found(services, servers=("web",)) == ([], ["agent", "web"])


def test_bot_by_name_stays_a_bot_despite_expose() -> None:
    assert found({"bot": {"build": "."}}, servers=("bot",)) == (["bot"], [])
    assert found({"bot": {"build": ".", "ports": ["80"]}}) == ([], ["bot"])


def test_uncertain_singleton_becomes_a_question() -> None:
    services = {
        "shop-worker": {"build": ".", "expose": ["1"]},
        "quiet": {"build": "."},
        "agent": {"build": ".", **SOCKET},
    }
    assert found(services) == ([], ["worker", "quiet"])


def test_old_updater_is_found_by_socket_and_name() -> None:
    services: dict[str, Any] = {
        "shop-updater": SOCKET,
        "sidecar": {**SOCKET, "environment": ["UPDATER_STATE_PATH=/x", "UPDATER_SECRET_PATH=/y"]},
        "deploy": {**SOCKET, "container_name": "old-updater"},
        "skills": {"environment": ["UPDATER_SECRET_PATH=/y"]},
        "updater-docs": {},
        "agent": SOCKET,
    }
    assert old_updaters(services) == {
        "shop-updater": "its name, and it has the Docker socket",
        "sidecar": "its environment has UPDATER_SECRET_PATH, UPDATER_STATE_PATH, and it has the Docker socket",
        "deploy": "its name, and it has the Docker socket",
    }
    assert found(services) == ([], [])


def test_this_updater_is_not_an_old_one() -> None:
    own: dict[str, Any] = {
        "updater": {**SOCKET, "command": ["python", "-m", "app.main"]},
        "updater-worker": {**SOCKET, "command": "python -m workers.main"},
        "updater-cli": {**SOCKET, "image": "zetherion-updater:0.1.0"},
    }
    assert old_updaters(own) == {}
    assert own_services(own) == ("updater", "updater-worker")
    assert own_services({"updater": own["updater"]}) is None
