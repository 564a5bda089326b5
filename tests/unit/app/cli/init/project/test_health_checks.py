from typing import Any

import pytest

from app.cli.init.project.health_checks import ProbeAddress, asked, compose_check


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
        (["CMD", "probe", "https://[::1]:8443/x?deep=1"], 8443, "/x?deep=1"),
        (["CMD", "curl", "http://localhost/health"], 80, "/health"),
        (["CMD", "curl", "https://localhost/health"], 443, "/health"),
        (["CMD-SHELL", "curl http://localhost:$${UNKNOWN}/health"], None, "/health"),
        (["CMD-SHELL", "curl http://localhost:$${PORT}/health"], 8000, "/health"),
        (["CMD-SHELL", "curl http://localhost:$PORT/health"], 8000, "/health"),
        ("curl http://localhost:${UNKNOWN:-7000}/health", 7000, "/health"),
        (["CMD", "python", "-c", "import socket; socket.create_connection(('localhost', 8443))"], 8443, None),
        (["CMD-SHELL", "bash -c '</dev/tcp/localhost/6333'"], 6333, None),
        (["CMD-SHELL", "nc -z localhost 9100"], 9100, None),
        (["CMD", "curl", "http://web-blue:8080/health"], 8080, "/health"),
        (["CMD", "curl", "http://my-web-blue:8080/health"], None, None),
        (["CMD", "curl", "http://elsewhere:8080/health"], None, None),
        (["CMD", "curl", "http://localhost"], None, None),
        (["CMD", "/healthcheck"], None, None),
        (["NONE"], None, None),
        (None, None, None),
    ],
)
def test_health_command_yields_port_and_path(test: Any, port: int | None, path: str | None) -> None:
    found = (ProbeAddress(port, path),) if port or path else ()
    assert asked(test, {"PORT": "8000"}, names=["web-blue"]) == found


def test_disabled_check_yields_nothing() -> None:
    assert compose_check({"healthcheck": {"disable": True, "test": ["NONE"]}}) is None
    assert (compose_check({}), compose_check({"healthcheck": {"test": "true"}})) == (None, "true")
