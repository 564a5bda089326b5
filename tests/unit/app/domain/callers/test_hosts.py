import re

import pytest

from app.domain.callers import hosts
from app.domain.callers.hosts import of_command, of_variable

NAMES = {"web", "web-blue", "app", "api"}
PORTS = {80, 443, 8000}
LONG = 200_000

RUNS = {hosts._HOST.pattern, hosts._BETWEEN.pattern}
"""Patterns that are used with `match`, or as a separator, which consumes its run."""


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
        ("BACKEND", "web:9000", {"web"}),
        ("API_HOST", "web:9000", {"web"}),
        ("PROXY_TARGET", "web:9000", {"web"}),
        ("PROXY", "tcp:web:9000", {"web"}),
        ("PROXY_TARGET", "http://web:9000", {"web"}),
        ("LIMITED", "http://web:9000=3", {"web"}),
        ("DOCKER_USER", "web:1001", set()),
        ("DOCKER_USER", "web:8000", set()),
        ("RUN_AS", "app:1000", set()),
        ("PGID", "app:80", set()),
        ("INIT", "chown -R app:80 /data", set()),
        ("IMAGES", "app:20 web:24", set()),
        ("IMAGES", "app:80 web:443", set()),
        ("BUILD_TAGS", "app:80", set()),
        ("RATE_LIMITS", "api:100,web:20", set()),
        ("RATE_LIMITS", "api:80", set()),
        ("TTLS", "api:60", set()),
        ("TTL", "api:80", set()),
        ("WEIGHTS", "web:80,api:20", set()),
        ("QUEUES", "web:10,api:20", set()),
        ("BUILD_TARGET", "web", set()),
        ("BUILD_TARGET", "web:20", set()),
        ("NODE_TARGET", "app", set()),
        ("RABBITMQ_DEFAULT_VHOST", "app", set()),
    ],
)
def test_hosts_in_a_variable(name: str, value: str, expected: set[str]) -> None:
    assert of_variable(name, value, PORTS) & NAMES == expected


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
        ("serve --backend web:9000", {"web"}),
        ("wait-for-it.sh -t 30 web:9000 -- serve", {"web"}),
        ("socat TCP-LISTEN:80,fork TCP:web:9000", {"web"}),
        ("sh -c 'chown -R app:1000 /data && serve --api http://web:9000'", {"web"}),
        ("gosu app:1000 serve --api-url web", {"web"}),
        ("sh -c 'docker run app:80; curl web:8000'", {"web"}),
        ("celery worker --hostname=api --broker http://web", {"web"}),
        ("chown -R app:1000 /data", set()),
        ("chown\n--from=web:80\napp:80\n/data", set()),
        ("sh -c 'chown app:8000 /data'", set()),
        ("su-exec app:1000 serve", set()),
        ("su-exec app:8000 serve", set()),
        ("gosu app:1000 serve", set()),
        ("/usr/sbin/gosu app:443 serve", set()),
        ("serve --user app:80", set()),
        ("rsync --chown=app:80 a b", set()),
        ("sh -c 'DOCKER_USER=web:80 serve'", set()),
        ("docker run app:24", set()),
        ("docker run --rm app:80", set()),
        ("docker image push app:80", set()),
        ("serve --rate-limit api:80", set()),
        ("npm run build --target web", set()),
        ("celery worker --hostname=web", set()),
        ("celery worker --hostname web", set()),
        ("celery worker --hostname web@%h", set()),
        ("celery worker --hostname=worker web", set()),
        ("serve --allowed-hosts web", set()),
        ("serve --cors-origin http://web:8000", set()),
        ("rabbit --vhost app", set()),
    ],
)
def test_hosts_in_a_command(line: str, expected: set[str]) -> None:
    assert of_command(line, PORTS) & NAMES == expected


@pytest.mark.parametrize(
    "piece",
    ["a", "-a", "a=", "-", " ", "a://", "--host=", "host=", "tcp:", "nc -a/", "nc -a 1/", "chown -a/", "docker run "],
)
def test_long_text_is_read(piece: str) -> None:
    """A pattern that starts again at each character would need minutes or hours."""
    text = piece * (LONG // len(piece))
    assert "web" in of_variable("API_URL", f"{text} http://web", PORTS)
    assert "web" in of_command(f"{text} http://web", PORTS)
    assert of_variable(f"{text}_HOST", "web", PORTS) == {"web"}


def test_no_pattern_starts_inside_a_run() -> None:
    """A pattern that begins with a repeated class tries each start in a run, and reads to the run's end each time."""
    patterns = [each.pattern for each in vars(hosts).values() if isinstance(each, re.Pattern)]
    assert len(patterns) > 8
    repeated = re.compile(r"(?:\[[^]]*\])?(?:\[[^]]*\]|\\[wdsS])[*+]")
    assert [each for each in patterns if repeated.match(each) and each not in RUNS] == []
