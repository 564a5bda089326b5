import pytest

from app.domain.callers.hosts import of_command, of_variable

NAMES = {"web", "web-blue"}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("API", "http://web:8000/v1", {"web"}),
        ("API", "HTTP://Web/", {"web"}),
        ("API", "http://web", {"web"}),
        ("API", "http://web?x=1", {"web"}),
        ("DSN", "amqp://user:p@ss:w@web-blue:5672/vhost", {"web-blue"}),
        ("DSN", "http://${USER}:${PASSWORD}@web:80", {"web"}),
        ("DSN", "jdbc:postgresql://web:5432/x", {"web"}),
        ("URLS", "http://db:1/x,http://web:8000/health", {"web"}),
        ("JSON", '{"api": "http://web:8000", "x": ["web-blue:80"]}', {"web", "web-blue"}),
        ("PROXY", "http://proxy:1/?to=http://web/", {"web"}),
        ("API", "web:8000", {"web"}),
        ("API", "db:5432, web:8000/path", {"web"}),
        ("API_HOST", "web", {"web"}),
        ("APIHOST", "WEB", {"web"}),
        ("api_url", '"web"', {"web"}),
        ("API_HOSTS", "db,web", {"web"}),
        ("API_ADDRESS", "web", {"web"}),
        ("UPSTREAM", "web-blue", {"web-blue"}),
        ("MODE", "web", set()),
        ("API", "http://webhook:8000", set()),
        ("API", "http://web.example.org/", set()),
        ("API", "https://mywebsite/web", set()),
        ("API", "http://web-blue-2:80", set()),
        ("API", "http://my-web:80", set()),
        ("API", "http://web${SUFFIX}:80", set()),
        ("API", "http://db/web:8000/", set()),
        ("API", "postgres://web:8000@db/x", set()),
        ("API", "/srv/web:8000/", set()),
        ("API", "registry.example.org/web:8000", set()),
        ("API", "web:8000.1", set()),
        ("API", "web:99999", set()),
        ("FORMATION", "web:1,worker:2", set()),
        ("WEB_IMAGE", "web:2024", set()),
        ("WEB_URL", "webhook", set()),
        ("ALLOWED_HOSTS", "web,localhost", set()),
        ("CORS_ORIGINS", "http://web:8000", set()),
        ("NO_PROXY", "web,web:8000", set()),
    ],
)
def test_hosts_in_a_variable(name: str, value: str, expected: set[str]) -> None:
    assert of_variable(name, value) & NAMES == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("serve --upstream=http://web:8000", {"web"}),
        ("serve --upstream web", {"web"}),
        ("serve\n--api-host\nweb", {"web"}),
        ("sh -c 'API_HOST=web serve'", {"web"}),
        ("wait-for-it.sh -t 30 web:8000 -- serve", {"web"}),
        ("sh -c 'until nc -z -w 2 web-blue 8000; do sleep 1; done'", {"web-blue"}),
        ("socat TCP-LISTEN:80,fork TCP:web:8000", {"web"}),
        ("sh -c 'x=$(wget -qO- http://web-blue:8000)'", {"web-blue"}),
        ("gunicorn web", set()),
        ("python -m web 8000", set()),
        ("serve --mode web", set()),
        ("serve --host 0.0.0.0 web", set()),
        ("cp /web:8000/ there", set()),
    ],
)
def test_hosts_in_a_command(line: str, expected: set[str]) -> None:
    assert of_command(line) & NAMES == expected
