"""What becomes of each service of a project without colors; a wrong guess must never be a harmful one."""

import re
from pathlib import Path
from typing import Any

import pytest

from app.cli.errors import Refused
from app.cli.init.project.compose_file import Project
from app.cli.init.services.background import Background, background
from app.cli.init.services.released import released, tag_variables
from app.cli.init.services.roles import roles_of
from app.cli.init.services.uncolored import of_roles

DONE = {"condition": "service_completed_successfully"}
BUILT = {"build": {"context": "."}}
WEB = {**BUILT, "expose": ["8000"]}


def project(tmp_path: Path, services: dict[str, Any], **more: Any) -> Project:
    model = {"name": "shop", "services": services}
    return Project(tmp_path, "compose.yaml", model, resolved=True, **more)


def kinds(tmp_path: Path, services: dict[str, Any], led: tuple[str, ...] = (), **more: Any) -> dict[str, str]:
    found = roles_of(project(tmp_path, services, **more), led, None)
    return {name: str(role.kind) + ("?" if role.question else "") for name, role in found.moved.items()}


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("celery -A shop worker", Background.CONSUMER),
        ("celery -A shop worker -B", Background.SCHEDULER),
        ("celery -A shop worker --beat --loglevel info", Background.SCHEDULER),
        ("celery --app shop beat", Background.SCHEDULER),
        ("bundle exec sidekiq", Background.CONSUMER),
        ("php artisan queue:work --tries=3", Background.CONSUMER),
        ("php artisan schedule:work", Background.SCHEDULER),
        ("crond -f", Background.SCHEDULER),
        ("shop worker", Background.WORKER),
        ("shop scheduler", Background.SCHEDULER),
        ("python manage.py migrate", Background.JOB),
        ("bin/rails db:prepare", Background.JOB),
        ("gunicorn --worker-class uvicorn.workers.UvicornWorker shop", None),
        ("node server.js", None),
    ],
)
def test_command_says_what_a_service_does(command: str, kind: Background | None) -> None:
    found = background("app", {"command": command}, ())
    assert (found and found[0]) is kind


def test_worker_is_a_follower_only_beside_a_broker(tmp_path: Path) -> None:
    redis = {"redis": {"image": "redis:7"}}
    for needs in ({"depends_on": ["redis"]}, {"environment": {"QUEUE": "redis://:x@redis:6379/0"}}):
        assert kinds(tmp_path, {"worker": {**BUILT, **needs}, **redis}) == {"worker": "followers"}
    assert kinds(tmp_path, {"worker": BUILT, **redis}) == {"worker": "singletons?"}
    assert kinds(tmp_path, {"worker": {**BUILT, "environment": {"URL": "http://redis.example.org"}}, **redis}) == {
        "worker": "singletons?"
    }


def test_copies_that_run_at_once_may_overlap(tmp_path: Path) -> None:
    assert kinds(tmp_path, {"x": {**BUILT, "deploy": {"replicas": 3}}, "y": {**BUILT, "scale": 2}}) == {
        "x": "followers",
        "y": "followers",
    }


def test_scheduler_is_never_a_follower(tmp_path: Path) -> None:
    services = {
        "scheduler": {**BUILT, "depends_on": ["redis"]},
        "beat": {**BUILT, "command": "celery worker -B", "deploy": {"replicas": 1}},
        "redis": {"image": "redis"},
    }
    assert kinds(tmp_path, services) == {"scheduler": "singletons", "beat": "singletons"}


def test_service_without_requests_is_a_question(tmp_path: Path) -> None:
    assert kinds(tmp_path, {"indexer": BUILT}) == {"indexer": "singletons?"}


def test_stores_and_proxies_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM postgres:16\nEXPOSE 5432\n")
    services = {
        "db": {**BUILT, "ports": ["5432:5432"]},
        "cache": {"image": "redis:${REDIS_VERSION}"},
        "proxy": {"image": "docker.io/library/nginx:1.27", "ports": ["80:80"]},
        "grafana": {"image": "grafana/grafana", "ports": ["3000:3000"]},
        "other": {"image": "example/other:1", "ports": ["4000:4000"]},
    }
    found = roles_of(project(tmp_path, services, images={"cache": "redis:${REDIS_VERSION}"}), (), None)
    assert found.moved == {}
    assert list(found.alone) == ["db"]
    assert "built from postgres" in found.alone["db"]


def test_image_of_the_release_is_found(tmp_path: Path) -> None:
    services = {
        "a": BUILT,
        "b": {"image": "ghcr.io/octo/shop:1"},
        "c": {"image": "registry.example.org/x:7"},
        "d": {"image": "registry.example.org/x:7"},
        "e": {"image": "octopus/deploy:1"},
        "f": {"image": "example/tool:${TOOL_MODE}"},
    }
    images = {"c": "registry.example.org/x:${APP_VERSION:-7}", "f": "example/tool:${TOOL_MODE}"}
    known = project(tmp_path, services, repository="Octo/shop", images=images)
    assert list(released(known)) == ["a", "b", "c", "d"]
    assert [(each.name, each.value) for each in tag_variables(known, ["c", "f"])] == [("APP_VERSION", "version")]


@pytest.mark.parametrize("image", ["${TAG}/a:1", "a:${STAGE}", "a:${SHARED}", "a:1", "a@${DIGEST}"])
def test_other_variables_are_not_the_releases(tmp_path: Path, image: str) -> None:
    assert released(project(tmp_path, {"a": {"image": "a"}}, images={"a": image})) == {}


@pytest.mark.parametrize(("written", "value"), [("${GIT_SHA}", "sha"), ("${TAG:-latest}", "tag"), ("$TAG", "tag")])
def test_variable_of_a_tag_gets_a_fitting_value(tmp_path: Path, written: str, value: str) -> None:
    known = project(tmp_path, {"a": {"image": "a"}}, images={"a": f"example/a:{written}"})
    assert [each.value for each in tag_variables(known, ["a"])] == [value]


def test_job_runs_after_those_that_it_waits_for(tmp_path: Path) -> None:
    services = {
        "web": {**WEB, "depends_on": {"seed": DONE}},
        "seed": {**BUILT, "depends_on": {"migrate": DONE}},
        "migrate": {"image": "example/migrate:1"},
        "setup": BUILT,
    }
    known = project(tmp_path, {**services, "migrate": {**BUILT, "command": "migrate"}})
    found = of_roles(roles_of(known, (), None), known)
    assert [(each.service, each.active) for each in found.jobs] == [
        ("migrate", True),
        ("seed", True),
        ("setup", False),
    ]


def test_port_of_a_shared_image_is_that_of_one_service(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nEXPOSE 8000\n")
    services = {"web": {**BUILT, "ports": ["8000:8000"]}, "indexer": {**BUILT, "command": "index"}, "api": BUILT}
    assert kinds(tmp_path, services) == {"web": "routed", "indexer": "singletons?", "api": "routed"}


def test_consumer_with_ports_is_a_question(tmp_path: Path) -> None:
    services = {"celery": {**BUILT, "command": "celery worker", "ports": ["9100:9100"]}}
    assert kinds(tmp_path, services) == {"celery": "singletons?"}
    assert kinds(tmp_path, services, led=("celery",)) == {"celery": "routed"}


def test_inactive_profile_stays(tmp_path: Path) -> None:
    services = {"web": WEB, "debug": {**WEB, "profiles": ["debug"]}}
    assert list(roles_of(project(tmp_path, services), (), None).alone) == ["debug"]
    for active in ("debug", "*"):
        assert "debug" in kinds(tmp_path, services, profiles=frozenset({active}))


def test_fastcgi_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM php:8.4-fpm AS app\nFROM app\n")
    for more in ({}, {"expose": ["9000"]}):
        with pytest.raises(Refused, match=re.escape("php speaks FastCGI (its image is from php:8.4-fpm)")):
            kinds(tmp_path, {"php": {**BUILT, **more}})
    assert kinds(tmp_path, {"php": {**BUILT, "ports": ["8080:80"]}}) == {"php": "routed"}
    assert kinds(tmp_path, {"queue": {**BUILT, "command": "php artisan queue:work"}}) == {"queue": "followers"}


def test_names_are_unique_over_all_roles(tmp_path: Path) -> None:
    services = {"shop-web": WEB, "web": {**BUILT, "scale": 2}}
    known = project(tmp_path, services)
    (follower,) = of_roles(roles_of(known, (), None), known).followers
    assert (follower.name, follower.service) == ("web", "web")
