from typing import Any

import pytest

from app.cli.starting import service_facts as facts


@pytest.mark.parametrize(
    ("test", "port", "path"),
    [
        (["CMD", "curl", "-f", "http://localhost:8080/health"], 8080, "/health"),
        (["CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"], 8080, "/health"),
        ("wget -qO- 127.0.0.1:9000/up/now", 9000, "/up/now"),
        (
            ["CMD", "python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8443/api/v1/health')"],
            8443,
            "/api/v1/health",
        ),
        (["CMD", "probe", "https://[::1]:8443/x?deep=1"], 8443, "/x"),
        (["CMD", "curl", "http://localhost/health"], 80, "/health"),
        (["CMD-SHELL", "curl http://localhost:$${PORT}/health"], None, "/health"),
        (["CMD", "curl", "http://elsewhere:8080/health"], None, None),
        (["CMD", "/healthcheck"], None, None),
        (["NONE"], None, None),
        (None, None, None),
    ],
)
def test_the_health_check_says_where_it_asks(test: Any, port: int | None, path: str | None) -> None:
    assert facts.probe({"healthcheck": {"test": test}}) == (port, path)


def test_ports_in_every_form() -> None:
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


def test_pairs_and_words_in_either_form() -> None:
    assert facts.pairs(["A=1", "B", "C=x=y"]) == {"A": "1", "B": "", "C": "x=y"}
    assert facts.pairs({"A": None, "B": 2}) == {"A": "", "B": "2"}
    assert (facts.pairs(None), facts.words(None), facts.words("un'closed")) == ({}, [], [])
    assert facts.words("a 'b c'") == facts.words(["a", "b c"])


@pytest.mark.parametrize(("written", "value"), [("20s", 20), ("1m30s", 90), ("1h", 3600), (None, 0), ("soon", 0)])
def test_the_grace_to_stop(written: str | None, value: float) -> None:
    assert facts.stop_seconds({"stop_grace_period": written}) == value


def test_the_images_own_name() -> None:
    names = ["docker.io/library/traefik:v3", "traefik", "registry.example:5000/traefik@sha256:abc", "x/mytraefik:1"]
    assert [facts.image_name({"image": name}) for name in names] == ["traefik", "traefik", "traefik", "mytraefik"]
