from typing import Any

from app.cli.init.own_services import old_updaters, own_services
from app.cli.init.singletons import Others, likely_singletons

SOCKET = {"volumes": ["/var/run/docker.sock:/var/run/docker.sock"]}
TOKEN = {"environment": ["DISCORD_TOKEN=x"]}


def found(services: dict[str, Any], moved: tuple[str, ...] = (), servers: tuple[str, ...] = ()) -> tuple[Any, Any]:
    sure, unsure = likely_singletons(services, "shop-", Others(moved, list(old_updaters(services)), servers))
    return list(sure), list(unsure)


def test_a_bot_by_its_name_by_its_image_and_by_its_own_token() -> None:
    services = {
        "shop-bot": {},
        "talk": {"image": "example.org/my-bot:1"},
        "mail": TOKEN,
        "postgres": {"image": "postgres"},
    }
    assert found(services) == (["bot", "talk", "mail"], [])


def test_a_token_that_a_bot_or_a_colored_service_has_too_says_nothing() -> None:
    shared = {"build": ".", **TOKEN}
    services = {"shop-bot": shared, "agent": {**shared, "expose": ["1"]}, "bridge": {**shared, **SOCKET}}
    assert found(services) == (["bot"], [])
    assert found({"api-blue": shared, "api-green": shared, "agent": shared}, moved=("api-blue", "api-green")) == (
        [],
        ["agent"],
    )


def test_a_service_that_listens_or_has_the_socket_is_none_for_the_sake_of_a_token() -> None:
    services = {"agent": {**TOKEN, "build": ".", **SOCKET}, "web": {**TOKEN, "build": "."}}
    assert found(services, servers=("web",)) == ([], ["agent", "web"])


def test_a_bot_by_name_stays_one_whatever_its_image_exposes() -> None:
    assert found({"bot": {"build": "."}}, servers=("bot",)) == (["bot"], [])
    assert found({"bot": {"build": ".", "ports": ["80"]}}) == ([], ["bot"])


def test_what_may_be_one_is_only_asked() -> None:
    services = {
        "shop-worker": {"build": ".", "expose": ["1"]},
        "quiet": {"build": "."},
        "agent": {"build": ".", **SOCKET},
    }
    assert found(services) == ([], ["worker", "quiet"])


def test_an_old_updater_has_the_socket_and_the_name_or_the_variables() -> None:
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
    ours: dict[str, Any] = {
        "updater": {**SOCKET, "command": ["python", "-m", "app.main"]},
        "updater-worker": {**SOCKET, "command": "python -m workers.main"},
        "updater-cli": {**SOCKET, "image": "zetherion-updater:0.1.0"},
    }
    assert old_updaters(ours) == {}
    assert own_services(ours) == ("updater", "updater-worker")
    assert own_services({"updater": ours["updater"]}) is None
