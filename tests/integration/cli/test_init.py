"""`updater init` with the real Compose, a real engine's images, and a Traefik that uses the printed options."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import yaml

from app.cli.init.answers import Answers
from app.cli.init.command import write_stack_file
from app.cli.init.images.facts import ImageFacts
from app.cli.init.images.local_images import local_images
from app.config.stack_file import load_stack
from deploy.demo.clients import plain_client
from deploy.demo.docker.engine import Engine, connected
from deploy.demo.processes import ROOT, free_port, running
from tests.integration.waiting import once_up, until

SAMPLES = ROOT / "tests" / "samples" / "compose"
TRAEFIK = Path(sys.executable).with_name("traefik")
SECONDS = 300
NO_TRAEFIK = Answers(("traefik",), opened=("web",))
NO_ROUTER = Answers(opened=("web",))

PAIR = "services:\n  web-blue: {image: example.org/web}\n  web-green: {image: example.org/web}\n"


def test_init_reads_a_stack_with_real_compose(tmp_path: Path) -> None:
    live = tmp_path / "zetherion-ai"
    shutil.copytree(SAMPLES / "sidecar", live)
    (live / ".env").write_text("DISCORD_TOKEN=not-for-anyone\n")
    environ = {**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/no-engine.sock"}
    command = [sys.executable, "-m", "app.cli", "init", str(live), "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert not any("only the Compose file was read" in line for line in answer["check"])
    stack = load_stack(Path(answer["path"]))
    routed = {s.name: (s.port, s.health.path, s.routes[0].entrypoint, s.routes[0].rule) for s in stack.routed}
    assert routed == {
        "api": (8443, "/health", "api", "PathPrefix(`/`)"),
        "skills": (8080, "/health", "skills", "PathPrefix(`/`)"),
    }
    assert [question.partition(":")[0] for question in answer["questions"]] == ["routed/api/health", "repository"]
    assert f"Set UPDATER_TRAEFIK_DYNAMIC_PATH={live}/config/traefik/dynamic for the worker." in answer["next"]
    assert "not-for-anyone" not in done.stdout + Path(answer["path"]).read_text()


def test_init_repeats_why_compose_refuses_the_file(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(PAIR.replace("image: example.org/web", "image: web, networks: [gone]"))
    made = write_stack_file(
        tmp_path, tmp_path / "stack.yml", force=False, environ=os.environ, find_image=lambda _: None, answers=NO_TRAEFIK
    )
    (reason,) = [line for line in made.notes.check if "only the Compose file was read" in line]
    assert "`compose config` failed: " in reason
    assert "undefined network gone" in reason


@pytest.fixture
def image(engine: Engine) -> Iterator[str]:
    """An image with a port and a health check."""
    name = f"updater-test-init-{uuid4().hex[:8]}"
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    changes = ["EXPOSE 4000", "ENV PORT=4000", "HEALTHCHECK CMD curl http://localhost:4000/alive"]
    with connected(engine.host) as client:
        client.api.import_image_from_data(empty.getvalue(), repository=name, tag="1", changes=changes)
        yield f"{name}:1"
        client.images.remove(f"{name}:1")


@pytest.mark.engine
def test_init_reads_facts_of_a_local_image(engine: Engine, image: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(PAIR.replace("example.org/web", image))
    with local_images({"DOCKER_HOST": engine.host}) as find:
        expected = ImageFacts((4000,), {"PORT": "4000"}, ("CMD-SHELL", "curl http://localhost:4000/alive"))
        assert (find(image), find(f"{image}-unknown")) == (expected, None)
        made = write_stack_file(
            tmp_path, tmp_path / "stack.yml", force=False, environ=os.environ, find_image=find, answers=NO_TRAEFIK
        )
    (web,) = load_stack(made.path).routed
    assert (web.port, web.health.path) == (4000, "/alive")
    assert "routed/web/port: 4000 (EXPOSE of the local image)" in made.notes.found


def flags(base: dict[str, str], added: list[str], _: Path) -> tuple[list[str], dict[str, str]]:
    return [f"--{key}={value}" for key, value in base.items()] + added, {}


def environment(base: dict[str, str], added: list[str], _: Path) -> tuple[list[str], dict[str, str]]:
    variables = {f"TRAEFIK_{key.replace('.', '_').upper()}": value for key, value in base.items()}
    return [], variables | {name: value for name, _, value in (line.partition("=") for line in added)}


def yaml_file(base: dict[str, str], added: list[str], directory: Path) -> tuple[list[str], dict[str, str]]:
    merged = _merged(_nested(base), yaml.safe_load("\n".join(added)))
    (directory / "static.yml").write_text(yaml.safe_dump(merged))
    return [f"--configFile={directory / 'static.yml'}"], {}


def toml_file(base: dict[str, str], added: list[str], directory: Path) -> tuple[list[str], dict[str, str]]:
    lines = [f"{key} = {json.dumps(value)}" for key, value in base.items()]
    (directory / "static.toml").write_text("\n".join([*lines, *added]) + "\n")
    return [f"--configFile={directory / 'static.toml'}"], {}


def project(form: str, base: dict[str, str], directory: Path) -> str:
    """The Compose file of a stack whose Traefik is configured in the way `form`."""
    routes = base["providers.file.directory"]
    traefik: dict[str, Any] = {"image": "traefik:v3.7", "volumes": [f"{routes}:{routes}"]}
    if form == "flags":
        traefik["command"] = [f"--{key}={value}" for key, value in base.items()]
    elif form == "environment":
        traefik["environment"] = {f"TRAEFIK_{key.replace('.', '_').upper()}": value for key, value in base.items()}
    else:
        write = {"yaml_file": yaml_file, "toml_file": toml_file}[form]
        (file,), _ = write(base, ["{}"] if form == "yaml_file" else [], directory)
        static = Path(file.partition("=")[2])
        traefik["volumes"].append(f"./{static.name}:/etc/traefik/traefik{static.suffix}")
    return PAIR + "  traefik: " + json.dumps(traefik) + "\n"


def _nested(base: dict[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in base.items():
        *parents, last = key.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[last] = value
    return tree


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = {k: _merged(one[k], other[k]) for k in one.keys() & other.keys()}
    return {**one, **other, **both}


@pytest.mark.parametrize("form", [flags, environment, yaml_file, toml_file])
async def test_traefik_accepts_the_printed_options(tmp_path: Path, form: Any) -> None:
    (tmp_path / "routes").mkdir()
    base = {
        "entryPoints.skills.address": f"127.0.0.1:{free_port()}",
        "providers.file.directory": str(tmp_path / "routes"),
        "log.level": "DEBUG",
    }
    (tmp_path / "compose.yaml").write_text(project(form.__name__, base, tmp_path))
    made = write_stack_file(tmp_path, tmp_path / "stack.yml", force=False, environ=os.environ, answers=NO_ROUTER)
    metrics = free_port()
    added = [line[2:].replace(":8082", f"127.0.0.1:{metrics}") for line in made.notes.traefik[1:]]
    arguments, variables = form(base, added, tmp_path)
    log = tmp_path / "traefik.log"
    with running([str(TRAEFIK), *arguments], variables, log):
        await until(once_up(lambda: _answers(f"http://127.0.0.1:{metrics}/metrics")))
        log_text = log.read_text()
    assert '"addServicesLabels":true' in log_text
    assert '"entryPoint":"metrics"' in log_text
    assert '"providersThrottleDuration":"100ms"' in log_text


async def _answers(url: str) -> bool:
    async with plain_client(timeout=30) as client:
        answer = await client.get(url)
    return answer.status_code == httpx.codes.OK and "traefik_config_reloads_total" in answer.text
