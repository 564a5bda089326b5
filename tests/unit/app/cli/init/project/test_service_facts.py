import pytest

from app.cli.init.project import service_facts as facts


def test_ports_are_read_in_every_form() -> None:
    service = {
        "expose": ["8080", 9000, "9100/tcp"],
        "ports": [
            "80",
            "443:8443",
            "127.0.0.1:1:2/udp",
            "[::1]:5:6",
            {"target": 7001},
            "8000-8010:8000-8010",
            "${X}:3",
        ],
    }
    assert facts.listening(service) == [8080, 9000, 9100, 80, 8443, 2, 6, 7001, 3]
    assert (facts.publishes(service), facts.publishes({"expose": ["1"]})) == (True, False)


def test_pairs_and_words_accept_both_forms() -> None:
    assert facts.pairs(["A=1", "B", "C=x=y"]) == {"A": "1", "B": "", "C": "x=y"}
    assert facts.pairs({"A": None, "B": 2}) == {"A": "", "B": "2"}
    assert (facts.pairs(None), facts.words(None), facts.words("un'closed")) == ({}, [], [])
    assert facts.words("a 'b c'") == facts.words(["a", "b c"])


def test_host_names_include_container_and_aliases() -> None:
    service = {"container_name": "the-web", "networks": {"front": {"aliases": ["www"]}, "back": None}}
    assert facts.host_names("web", service) == {"web", "the-web", "www"}
    assert facts.host_names("web", {"networks": ["front"]}) == {"web"}


@pytest.mark.parametrize(("written", "value"), [("20s", 20), ("1m30s", 90), ("1h", 3600), (None, 0), ("soon", 0)])
def test_stop_grace_period_is_read_in_seconds(written: str | None, value: float) -> None:
    assert facts.stop_seconds({"stop_grace_period": written}) == value


def test_image_name_drops_registry_and_tag() -> None:
    names = ["docker.io/library/traefik:v3", "traefik", "registry.example:5000/traefik@sha256:abc", "x/mytraefik:1"]
    assert [facts.image_name({"image": name}) for name in names] == ["traefik", "traefik", "traefik", "mytraefik"]
