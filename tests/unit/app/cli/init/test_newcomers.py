"""`init` for projects without colors: what two copies would share, and the Traefik that it gives them."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.errors import Refused
from app.cli.init.answers import Answers
from app.cli.init.command import Written, write_stack_file
from app.config.stack_file import load_stack

COMPOSE = {name: value for name, value in os.environ.items() if not name.startswith("COMPOSE_")}
WEB: dict[str, Any] = {
    "build": ".",
    "ports": ["8000:8000"],
    "healthcheck": {"test": ["CMD", "curl", "http://localhost:8000/up"]},
}


def init(directory: Path, services: dict[str, Any], *, given: tuple[str, ...] = (), **more: Any) -> Written:
    (directory / "compose.yaml").write_text(yaml.safe_dump({"name": "shop", "services": services, **more}))
    return write_stack_file(
        directory, directory / "stack.yml", force=True, environ=COMPOSE, answers=Answers(nothing_in=given)
    )


def traefik(written: Written) -> dict[str, Any]:
    lines = written.notes.traefik
    end = next(n for n, line in enumerate(lines) if line.startswith("Its routes until"))
    found: dict[str, Any] = yaml.safe_load("\n".join(lines[1:end]))["services"]["traefik"]
    return found


def routes(written: Written) -> dict[str, Any]:
    lines = written.notes.traefik
    start = next(n for n, line in enumerate(lines) if line.startswith("Its routes until"))
    found: dict[str, Any] = yaml.safe_load("\n".join(lines[start + 1 :]))["http"]
    return found


def test_traefik_takes_over_names_and_ports(tmp_path: Path) -> None:
    web = {
        **WEB,
        "container_name": "shop-web",
        "ports": ["127.0.0.1:80:8000"],
        "networks": {"front": {"aliases": ["www"]}, "back": None},
    }
    written = init(tmp_path, {"web": web}, networks={"front": None, "back": {"internal": True}})
    found = traefik(written)
    assert found["ports"] == ["127.0.0.1:80:8000"]
    assert found["networks"]["front"] == {"aliases": ["web", "shop-web", "www"]}
    assert found["networks"]["back"] == {"aliases": ["web", "shop-web"]}
    assert written.notes.traefik[0].endswith("remove `ports` from web, and remove `container_name` from web:")
    assert load_stack(written.path).routed[0].network == "front"


def test_first_routes_lead_to_names_that_traefik_has_not(tmp_path: Path) -> None:
    found = routes(init(tmp_path, {"web": {**WEB, "deploy": {"replicas": 2}}}))
    urls = [each["url"] for each in found["services"]["web"]["loadBalancer"]["servers"]]
    assert urls == ["http://shop-web-1:8000", "http://shop-web-2:8000"]
    assert found["routers"]["web"]["entryPoints"] == ["web"]


def test_two_services_of_one_port_get_two_entrypoints(tmp_path: Path) -> None:
    written = init(tmp_path, {"web": WEB, "api": {**WEB, "ports": ["9000:8000"]}})
    points = {name: point.url for name, point in load_stack(written.path).traefik.entrypoints.items()}
    assert points == {"api": "http://traefik:8000", "web": "http://traefik:8001"}
    assert traefik(written)["ports"] == ["9000:8000", "8000:8001"]
    assert any("services that call web at that port have to call web:8001" in each.lower() for each in notes(written))


def notes(written: Written) -> list[str]:
    return written.notes.check


def test_metrics_are_never_at_a_published_entrypoint(tmp_path: Path) -> None:
    written = init(tmp_path, {"metrics": {**WEB, "ports": ["8082:8082"], "healthcheck": {"disable": True}}})
    flags = traefik(written)["command"]
    assert "--metrics.prometheus.entryPoint=updater-metrics" in flags
    assert "--entryPoints.metrics-inner.address=:8083" in flags
    assert "--entryPoints.updater-metrics.address=:8082" in flags


def test_service_behind_others_gets_an_entrypoint_of_its_own(tmp_path: Path) -> None:
    flags = ["--providers.docker=true", "--entrypoints.web.address=:80", "--entrypoints.api.address=:8000"]
    proxy = {"image": "traefik:v3", "command": flags, "networks": ["default"]}
    web = {"build": ".", "expose": ["80"], "labels": {"traefik.http.routers.w.rule": "Host(`a.b`)"}}
    api = {**WEB, "ports": ["127.0.0.1:9000:8000"]}
    calling = {**web, "environment": {"API": "http://api:8000"}}
    written = init(tmp_path, {"proxy": proxy, "web": calling, "api": api}, given=("/etc/traefik",))
    stack = load_stack(written.path)
    points = {service.name: {route.entrypoint for route in service.routes} for service in stack.routed}
    assert points["api"] == {"api-inner"}
    assert stack.traefik.entrypoints["api-inner"].url == "http://proxy:8001"
    lines = "\n".join(written.notes.traefik)
    assert "No router leads to api. Add to the command of proxy:" in lines
    assert "  --entryPoints.api-inner.address=:8001" in lines
    assert "Add to proxy in the Compose file, and remove `ports` from api:" in lines
    assert "127.0.0.1:9000:8001" in lines
    assert any("services that call api at that port have to call api:8001" in each.lower() for each in notes(written))


def test_entrypoint_in_variables_has_no_underscore(tmp_path: Path) -> None:
    variables = {"TRAEFIK_PROVIDERS_DOCKER": "true", "TRAEFIK_ENTRYPOINTS_WEB_ADDRESS": ":80"}
    proxy = {"image": "traefik:v3", "environment": variables}
    web = {"build": ".", "expose": ["80"], "labels": {"traefik.http.routers.w.rule": "Host(`a.b`)"}}
    written = init(tmp_path, {"proxy": proxy, "web": web, "my_api": WEB})
    assert "my-api" in load_stack(written.path).traefik.entrypoints
    assert "  TRAEFIK_ENTRYPOINTS_MY-API_ADDRESS=:8000" in written.notes.traefik


def test_service_behind_others_is_opened_only_by_an_answer(tmp_path: Path) -> None:
    labels = {"traefik.enable": "false", "traefik.http.routers.w.rule": "Host(`a.b`)"}
    proxy = {"image": "traefik:v3", "command": ["--providers.docker=true", "--entrypoints.web.address=:80"]}
    with pytest.raises(Refused, match=r"No router of Traefik that can be followed leads to routed/web \(web\)"):
        init(tmp_path, {"proxy": proxy, "web": {**WEB, "labels": labels}}, given=("/etc/traefik",))


def test_data_of_one_container_is_a_question(tmp_path: Path) -> None:
    web = {**WEB, "volumes": ["data:/data", "shared:/shared", "./conf:/conf:ro", "/anonymous"]}
    other = {"image": "backup", "volumes": ["shared:/backup"]}
    written = init(tmp_path, {"web": web, "other": other}, volumes={"data": None, "shared": None})
    question = written.notes.questions["routed/web/service"]
    assert "both colors would write to data at the same time" in question
    assert "shared" not in question
    assert "conf" not in question


def test_second_published_port_is_a_question(tmp_path: Path) -> None:
    written = init(tmp_path, {"web": {**WEB, "ports": ["8000:8000", "9000:9000"]}})
    assert "web also publishes 9000" in written.notes.questions["routed/web/port"]


@pytest.mark.parametrize("more", [{"labels": {"caddy": "a.b"}}, {"environment": {"VIRTUAL_HOST": "a.b"}}])
def test_other_proxy_that_finds_both_colors_is_a_question(tmp_path: Path, more: dict[str, Any]) -> None:
    question = init(tmp_path, {"web": {**WEB, **more}}).notes.questions["routed/web/service"]
    assert "leads another proxy to both colors" in question
    assert "a.b" not in question


def test_port_of_tls_is_a_question(tmp_path: Path) -> None:
    check = {"test": ["CMD", "curl", "-k", "https://localhost:8443/up"]}
    written = init(tmp_path, {"web": {**WEB, "ports": ["443:8443"], "healthcheck": check}})
    assert "port 8443 usually takes TLS" in written.notes.questions["traefik/entrypoints/web"]


def test_network_of_the_host_is_refused(tmp_path: Path) -> None:
    web = {key: value for key, value in WEB.items() if key != "ports"}
    with pytest.raises(Refused, match="web has network_mode: host, where both of its colors would listen on one port"):
        init(tmp_path, {"web": {**web, "network_mode": "host"}})


def test_labels_for_a_traefik_elsewhere_need_an_answer(tmp_path: Path) -> None:
    web = {**WEB, "labels": {"traefik.http.routers.w.rule": "Host(`a.b`)", "traefik.http.routers.w.tls": "true"}}
    with pytest.raises(Refused, match="--nothing-in traefik"):
        init(tmp_path, {"web": web})
    written = init(tmp_path, {"web": web}, given=("traefik",))
    (route,) = load_stack(written.path).routed[0].routes
    assert (route.rule, written.notes.traefik) == ("Host(`a.b`)", [])


def test_route_comes_before_the_labels_of_what_runs(tmp_path: Path) -> None:
    labels = {"traefik.http.routers.w.rule": "Host(`a.b`)", "traefik.http.routers.w.priority": "50"}
    (route,) = load_stack(init(tmp_path, {"web": {**WEB, "labels": labels}}, given=("traefik",)).path).routed[0].routes
    assert route.priority == 51


def test_middleware_of_the_services_own_labels_is_a_question(tmp_path: Path) -> None:
    labels = {
        "traefik.http.routers.w.rule": "Host(`a.b`)",
        "traefik.http.routers.w.middlewares": "auth,other",
        "traefik.http.middlewares.auth.basicauth.users": "a:b",
    }
    other = {"image": "other", "labels": {"traefik.http.middlewares.other.compress": "true"}}
    written = init(tmp_path, {"web": {**WEB, "labels": labels}, "other": other}, given=("traefik",))
    assert "labels of web define auth, and Traefik drops" in written.notes.questions["routed/web/middlewares"]
    (route,) = load_stack(written.path).routed[0].routes
    assert route.middlewares == ("auth@docker", "other@docker")


def test_job_of_others_keeps_its_own_version(tmp_path: Path) -> None:
    job = {"image": "quay.io/minio/minio:${MC_VERSION:-1}", "restart": "no"}
    web = {**WEB, "depends_on": {"buckets": {"condition": "service_completed_successfully"}}}
    written = init(tmp_path, {"web": web, "buckets": job})
    stack = load_stack(written.path)
    assert ([each.service for each in stack.before_flip], dict(stack.variables)) == (["buckets"], {})


def test_streams_in_labels_are_refused(tmp_path: Path) -> None:
    label = {"traefik.tcp.routers.w.rule": "HostSNI(`*`)", "traefik.tcp.routers.w.middlewares": "allow"}
    with pytest.raises(Refused, match=r"has allow\. The stack file has no TCP routers"):
        init(tmp_path, {"web": {**WEB, "labels": label}})


def test_pairs_are_still_all_that_moves(tmp_path: Path) -> None:
    labels = {"traefik.http.routers.w.rule": "Host(`a.b`)"}
    pair = {f"web-{color}": {"build": ".", "expose": ["8000"], "labels": labels} for color in ("blue", "green")}
    written = init(tmp_path, {**pair, "api": WEB, "sidekiq": {"build": ".", "command": "sidekiq"}}, given=("traefik",))
    stack = load_stack(written.path)
    assert [service.name for service in stack.routed] == ["web"]
    assert stack.followers == ()


def test_files_below_the_repository_have_its_root(tmp_path: Path) -> None:
    below = tmp_path / "docker"
    below.mkdir()
    (below / ".env").write_text("X=1\n")
    subprocess.run(["git", "-C", str(tmp_path), "init", "--quiet"], check=True, timeout=300)
    stack = load_stack(init(below, {"web": WEB}).path)
    assert stack.directory == str(tmp_path.resolve())
    assert (stack.compose_files, stack.env_files) == (("docker/compose.yaml",), ("docker/.env",))
