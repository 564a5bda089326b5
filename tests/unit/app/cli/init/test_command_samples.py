"""Stack files for complete sample projects: exact values, the path of each question, and the printed notes."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.cli.init.answers import Answers
from app.cli.init.command import Written, write_stack_file
from app.config.stack_file import load_stack
from app.domain.stack import Singleton, Stack
from tests.examples import a_traefik

SAMPLES = Path(__file__).parents[5] / "tests" / "samples" / "compose"
COMPOSE = dict(os.environ)
ALONE = {**os.environ, "UPDATER_COMPOSE": "false"}
TOKEN = "DISCORD_TOKEN=not-for-anyone\nPOSTGRES_PORT=5432\n"

OPENED = ("mail/entrypoint", "mail/rule", "admin/entrypoint", "admin/rule")
"""The questions of the two services whose routers Traefik does not read."""

both_readers = pytest.mark.parametrize("environ", [COMPOSE, ALONE], ids=["compose config", "the file alone"])


def written(sample: str, home: Path, environ: Mapping[str, str], name: str = "zetherion-ai") -> tuple[Stack, Written]:
    directory = home / name
    shutil.copytree(SAMPLES / sample, directory)
    (directory / ".env").write_text(TOKEN)
    given = Answers(opened=("mail", "admin") if sample == "contradictions" else ())
    made = write_stack_file(directory, directory / "stack.yml", force=False, environ=environ, answers=given)
    return load_stack(made.path), made


def routed(stack: Stack) -> dict[str, tuple[int, str, str, str]]:
    return {s.name: (s.port, s.health.path, s.routes[0].entrypoint, s.routes[0].rule) for s in stack.routed}


@both_readers
def test_sidecar_sample_yields_its_stack(tmp_path: Path, environ: Mapping[str, str]) -> None:
    stack, made = written("sidecar", tmp_path, environ)
    assert stack.project == "zetherion-ai"
    assert routed(stack) == {
        "api": (8443, "/health", "api", "PathPrefix(`/`)"),
        "skills": (8080, "/health", "skills", "PathPrefix(`/`)"),
    }
    assert stack.traefik == a_traefik(skills="http://traefik:8080", api="http://traefik:8443")
    assert (stack.singletons, stack.retired) == ((Singleton("bot", "zetherion-ai-bot"),), ("zetherion-ai-updater",))
    assert list(made.notes.questions) == ["routed/api/health", "repository"]
    assert "only HEALTH_URLS of zetherion-ai-updater says it" in made.notes.questions["routed/api/health"]


@both_readers
def test_the_sidecars_directory_may_have_any_name(tmp_path: Path, environ: Mapping[str, str]) -> None:
    stack, _ = written("sidecar", tmp_path, environ, name="checkout")
    assert (stack.project, [s.name for s in stack.routed]) == ("checkout", ["api", "skills"])
    assert stack.singletons == (Singleton("bot", "zetherion-ai-bot"),)


@both_readers
def test_sidecar_sample_lists_traefik_additions(tmp_path: Path, environ: Mapping[str, str]) -> None:
    stack, made = written("sidecar", tmp_path, environ)
    assert made.notes.traefik == [
        "Add to the command of traefik, and recreate traefik:",
        "  --entryPoints.metrics.address=:8082",
        "  --metrics.prometheus=true",
        "  --metrics.prometheus.addServicesLabels=true",
        "  --metrics.prometheus.entryPoint=metrics",
        "  --providers.providersThrottleDuration=100ms",
    ]
    assert stack.traefik.metrics == ()
    assert "\n  # metrics: http://traefik:8082/metrics\n" in made.path.read_text()
    watched = tmp_path / "zetherion-ai" / "config" / "traefik" / "dynamic"
    assert made.notes.following[0] == f"Set UPDATER_TRAEFIK_DYNAMIC_PATH={watched} for the worker."
    assert f"mount {watched.parent} into the worker's container, not {watched}." in made.notes.following[2]


@both_readers
def test_three_pairs_each_keep_their_own_route(tmp_path: Path, environ: Mapping[str, str]) -> None:
    stack, made = written("three", tmp_path, environ)
    assert routed(stack) == {
        "api": (8443, "/health", "api", "PathPrefix(`/`)"),
        "cgs-gateway": (8743, "/service/ai/v1/health", "api", "PathPrefix(`/service/ai/v1`)"),
        "skills": (8080, "/health", "skills", "PathPrefix(`/`)"),
    }
    assert stack.traefik == a_traefik(api="https://traefik:8443", skills="https://traefik:8080")
    assert stack.singletons == (Singleton("bot", "zetherion-ai-bot"),)
    assert stack.retired == ("zetherion-ai-updater",)
    questions = made.notes.questions
    assert [len(service.routes) for service in stack.routed if service.name == "skills"] == [2]
    assert any("routed/skills/routes: also router worker-bridge" in line for line in made.notes.found)
    for name in ("api", "cgs-gateway", "skills"):
        assert "serversTransport internal" in questions[f"routed/{name}/rule"]
        assert "HEALTH_URLS of zetherion-ai-updater" in questions[f"routed/{name}/health"]
        assert f"routed/{name}/port" not in questions


@both_readers
def test_an_agent_with_the_socket_is_no_bot(tmp_path: Path, environ: Mapping[str, str]) -> None:
    _, made = written("three", tmp_path, environ)
    assert "dev-agent" not in made.path.read_text()
    assert "dev-agent" not in "\n".join(made.lines())


@both_readers
def test_contradiction_becomes_a_question(tmp_path: Path, environ: Mapping[str, str]) -> None:
    stack, made = written("contradictions", tmp_path, environ)
    assert routed(stack)["web"] == (8000, "/healthz", "web", "Host(`shop.example.org`)")
    assert made.notes.questions == {
        "routed/web/port": "router web in routes/live/web.yml says 8000; expose or ports says 8000; "
        "health check says 8081; EXPOSE in Dockerfile.web says 9000",
        "routed/web/health": "the healthCheck behind router web in routes/live/web.yml says /healthz; "
        "health check of web-blue says /healthz; health check of web-green says /ready",
        "routed/mail/port": "no source has it; 8080 is a placeholder",
        "routed/mail/health": "no source has it; /health is a placeholder",
        **{f"routed/{key}": made.notes.questions[f"routed/{key}"] for key in OPENED},
        "routed/admin/port": "Traefik's label says 3001; PORT in its environment says 3000",
        "routed/admin/health": "no source has it; /health is a placeholder",
        "repository": "git's remote origin is not on GitHub, or there is none",
    }
    for name, colors in (("mail", "mail-blue or mail-green"), ("admin", "shop-admin-blue or shop-admin-green")):
        question = made.notes.questions[f"routed/{name}/entrypoint"]
        assert question.startswith(f"no router leads to {colors}: which")
    text = made.path.read_text()
    assert all(f" # QUESTION: {question}\n" in text for question in made.notes.questions.values())


@both_readers
def test_contradiction_sample_lists_traefik_options(tmp_path: Path, environ: Mapping[str, str]) -> None:
    stack, made = written("contradictions", tmp_path, environ)
    assert stack.traefik.metrics == ("http://traefik:8080/metrics",)
    assert made.notes.traefik[1:] == ["  TRAEFIK_PROVIDERS_PROVIDERSTHROTTLEDURATION=100ms"]
    live = tmp_path / "zetherion-ai" / "routes" / "live"
    (copied,) = [line for line in made.notes.check if "the worker writes updater-shop.yml" in line]
    assert f"also has middleware compress: copy only its routers web with their services to {live}/updater" in copied
    assert not any("UPDATER_TRAEFIK_DYNAMIC_PATH=" in line and "web.yml" in line for line in made.notes.check)
    assert any("router web in routes/live/web.yml leads to both colors" in line for line in made.notes.check)


@both_readers
def test_no_operator_value_is_printed(tmp_path: Path, environ: Mapping[str, str]) -> None:
    _, made = written("sidecar", tmp_path, environ)
    for text in (made.path.read_text(), "\n".join(made.lines()), str(made.document())):
        assert "not-for-anyone" not in text


def test_the_document_has_each_part(tmp_path: Path) -> None:
    document = written("sidecar", tmp_path, ALONE)[1].document()
    assert list(document) == ["path", "found", "questions", "check", "traefik", "callers", "next"]
    assert document["questions"][0].startswith("routed/api/health: only HEALTH_URLS of zetherion-ai-updater")
