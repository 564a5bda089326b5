"""What a health check says beside its path: the stack file has it, or a question."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.init.command import Written, write_stack_file
from app.config.stack_file import load_stack
from app.domain.routing.routes import HealthRequest

FLAGS = ["--entrypoints.web.address=:80", "--providers.file.directory=/dynamic", "--providers.docker=true"]
AT = "http://localhost:8000"


def init(project: Path, test: object = None, traefik: dict[str, Any] | None = None, **colored: Any) -> Written:
    """Writes the stack file for `shop` with the health check `test`; `traefik`: that of Traefik's load balancer."""
    check = {"healthcheck": {"test": test}} if test else {}
    shop = {"image": "shop", "expose": [8000], **check, **colored}
    proxy = {"image": "traefik:v3", "command": FLAGS, "volumes": ["./dynamic:/dynamic"]}
    services = {"shop-blue": shop, "shop-green": shop, "proxy": proxy}
    (project / "compose.yaml").write_text(yaml.safe_dump({"name": "p", "services": services}))
    balancer = {"servers": [{"url": "http://shop-blue:8000"}], **({"healthCheck": traefik} if traefik else {})}
    router = {"rule": "Host(`a.b`)", "service": "s"}
    http = {"routers": {"r": router}, "services": {"s": {"loadBalancer": balancer}}}
    (project / "dynamic" / "a.yml").write_text(yaml.safe_dump({"http": http}))
    return write_stack_file(project, project / "s.yml", force=True, environ={"UPDATER_COMPOSE": "false"})


def health(written: Written) -> tuple[HealthRequest, str]:
    """The request in the file, and the question about it."""
    return load_stack(written.path).routed[0].health, written.notes.questions.get("routed/shop/health", "")


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (f"curl -f '{AT}/health?ready=1'", HealthRequest("/health?ready=1")),
        (["CMD", "curl", "-f", f"{AT}/health?a=1&b=2"], HealthRequest("/health?a=1&b=2")),
        (f"curl -fsS -m 3 -o /dev/null {AT}/up || exit 1", HealthRequest("/up")),
        (f"wget -q --spider --tries=1 {AT}/up", HealthRequest("/up")),
        (f"curl -fH 'Host: shop.example.org' {AT}/up", HealthRequest("/up", host="shop.example.org")),
        (
            ["CMD-SHELL", f"curl --header 'X-Forwarded-Proto: https' -A probe -X GET {AT}/up"],
            HealthRequest("/up", headers={"X-Forwarded-Proto": "https", "User-Agent": "probe"}),
        ),
        (
            ["CMD", "wget", "--header=Accept: text/plain", f"{AT}/up"],
            HealthRequest("/up", headers={"Accept": "text/plain"}),
        ),
        (f"sh -c \"curl -H 'Host: a.b' {AT}/up\"", HealthRequest("/up", host="a.b")),
        (f"curl -f {AT}/up || wget {AT}/up", HealthRequest("/up")),
        (
            ["CMD", "node", "-e", f"get('{AT}/up', r => exit(r.statusCode === 200 ? 0 : 1))"],
            HealthRequest("/up"),
        ),
        (f"curl -f http://localhost:9100/metrics && curl -f {AT}/up", HealthRequest("/up")),
    ],
)
def test_request_that_the_file_can_say_is_carried_over(project: Path, test: object, expected: HealthRequest) -> None:
    assert health(init(project, test)) == (expected, "")


@pytest.mark.parametrize(
    ("test", "path", "question"),
    [
        (f'curl -fH "Authorization: Bearer $$TOKEN" {AT}/up', "/up", "health check sends the header Authorization"),
        (f"curl -H 'X-Api-Key: s3cret' {AT}/up", "/up", "health check sends the header X-Api-Key"),
        (f'curl -H "X-Site: $$SITE" {AT}/up', "/up", "health check sends the header X-Site"),
        (f"curl -u ada:s3cret {AT}/up", "/up", "health check uses curl's option -u"),
        ("curl http://ada:s3cret@localhost:8000/up", "/up", "health check sends a user's name or password"),
        (f"curl -f '{AT}/up?token=s3cret'", "/up", "health check sends a query that may be secret"),
        (f"curl -fXPOST {AT}/up", "/up", "health check uses curl's option -X"),
        (f"wget --post-data=x {AT}/up", "/up", "health check uses wget's option --post-data"),
        (f"curl -w '%{{http_code}}' {AT}/up", "/up", "health check uses curl's option -w"),
        (f"curl {AT}/up | grep -q UP", "/up", "health check looks at the answer too"),
        (f'test "$$(curl -s {AT}/up)" = ok', "/up", "health check looks at the answer too"),
        (["CMD", "python", "-c", f"r('{AT}/up', headers=h)"], "/up", "health check may send more than a path"),
        (["CMD", "node", "-e", f"get('{AT}/up', r => r.statusCode === 401)"], "/up", "health check may send more"),
        (
            f"curl -f {AT}/$${{BASE}}/health",
            "/health",
            "asks /${BASE}/health, of which a value is not known here; ",
        ),
        (f"curl {AT}/login && curl {AT}/up", "/login", "which of /login, /up? health check says /login or /up"),
        (
            "curl http://localhost:8081/actuator",
            "/actuator",
            "health check asks port 8081, and traffic goes to port 8000",
        ),
    ],
)
def test_request_that_the_file_cannot_say_is_a_question(project: Path, test: object, path: str, question: str) -> None:
    written = init(project, test)
    found, asked = health(written)
    assert (found, question in asked) == (HealthRequest(path), True), asked
    assert "s3cret" not in written.path.read_text() + "\n".join(written.lines())


def test_variable_of_the_container_is_known(project: Path) -> None:
    written = init(project, f"curl -f {AT}/$${{BASE}}/health", environment={"BASE": "shop"})
    assert health(written) == (HealthRequest("/shop/health"), "")


def test_check_of_traefik_is_carried_over(project: Path) -> None:
    check = {"path": "/up?full=1", "hostname": "x.y", "headers": {"X-A": "b"}, "status": 204, "interval": "5s"}
    expected = HealthRequest("/up?full=1", "x.y", {"X-A": "b"}, frozenset({204}))
    assert health(init(project, traefik=check)) == (expected, "")
    assert health(init(project, traefik={"path": "/up", "port": 8000, "method": "get"})) == (HealthRequest("/up"), "")


@pytest.mark.parametrize(
    ("check", "question"),
    [
        ({"method": "HEAD"}, "the healthCheck behind router r in dynamic/a.yml has the method HEAD"),
        ({"mode": "grpc"}, "has the mode grpc"),
        ({"scheme": "https"}, "has the scheme https"),
        ({"port": 9100}, "asks port 9100, and traffic goes to port 8000"),
        ({"status": 503}, "expects the status 503"),
        ({"headers": {"X-Token": "s3cret"}}, "sends the header X-Token"),
    ],
)
def test_check_of_traefik_that_differs_is_a_question(project: Path, check: dict[str, Any], question: str) -> None:
    found, asked = health(init(project, traefik={"path": "/up", **check}))
    assert (found, question in asked) == (HealthRequest("/up"), True), asked


def test_source_without_a_doubt_comes_first(project: Path) -> None:
    found, asked = health(init(project, f"curl -f {AT}/up", {"path": "/ready", "port": 9100}))
    assert found == HealthRequest("/up")
    assert "the healthCheck behind router r in dynamic/a.yml says /ready" in asked


def test_listed_url_keeps_its_query(project: Path) -> None:
    written = init(project, environment={"CHECK": "http://shop-blue:8000/health?full=1"})
    assert health(written)[0] == HealthRequest("/health?full=1")
