"""`plan` for the stack in deploy/ and config/stack.yml, on a real engine; it changes nothing."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.config.settings import WorkerSettings
from app.config.stack_file import load_stack
from app.domain.stack import Color, Stack
from app.queue import open_pool
from deploy.demo.docker.engine import Engine, connected
from deploy.demo.docker.projects import image_tags
from deploy.demo.environment import tree_of
from deploy.demo.processes import ROOT, free_port
from tests.examples import a_traefik
from tests.integration.git.repositories import git
from workers.adapters.redaction import Redactor
from workers.inspect.plan import plan
from workers.ports import Ports
from workers.wiring import lease_of, wire

pytestmark = [pytest.mark.engine, pytest.mark.redis]

CANARY = "canary-secret"


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """The committed stack, with its repository and live directory in `tmp_path`; no Traefik listens."""
    live, repository = tmp_path / "live", tmp_path / "repository"
    live.mkdir()
    (live / ".env").write_text(f"DOCKER_GID={CANARY}\n")
    repository.mkdir()
    (repository / "docker-compose.yml").write_bytes((ROOT / "deploy" / "docker-compose.yml").read_bytes())
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "release"), ("tag", "v1.0.0")):
        git(repository, *words)
    committed = load_stack(ROOT / "config" / "stack.yml")
    unreachable = a_traefik(**{name: f"http://127.0.0.1:{free_port()}" for name in committed.traefik.entrypoints})
    return replace(committed, source=str(repository), directory=str(live), traefik=unreachable)


@pytest.fixture
async def ports(stack: Stack, engine: Engine, redis_url: str, namespace: str, tmp_path: Path) -> AsyncIterator[Ports]:
    """The worker's ports, wired like in the worker process."""
    (tmp_path / "routes" / "dynamic").mkdir(parents=True)
    settings = WorkerSettings.from_environ(
        {
            "REDIS_URL": redis_url,
            "DOCKER_HOST": engine.host,
            "UPDATER_NAMESPACE": namespace,
            "UPDATER_DATA_DIR": str(tmp_path / "data"),
            "UPDATER_TRAEFIK_DYNAMIC_PATH": str(tmp_path / "routes" / "dynamic"),
        }
    )
    pool = open_pool(redis_url, namespace)
    async with wire(settings, stack, pool, Redactor(tmp_path), lease_of(settings)) as wired:
        yield wired
    await pool.aclose()


def of_the_stack(engine: Engine, stack: Stack) -> tuple[set[str | None], set[str]]:
    """The stack's containers and images; other tests use the same engine."""
    with connected(engine.host) as client:
        label = f"com.docker.compose.project={stack.project}"
        containers = client.containers.list(all=True, filters={"label": label}, ignore_removed=True)
        tags = image_tags(client)
    return {c.id for c in containers}, {tag for tag in tags if tag.startswith(f"{stack.project}-")}


async def test_plan_of_production_stack_changes_nothing(stack: Stack, ports: Ports, engine: Engine) -> None:
    live = tree_of(Path(stack.directory))
    before = of_the_stack(engine, stack)
    answer = (await plan(stack, ports, "v1.0.0")).as_json()
    assert of_the_stack(engine, stack) == before
    assert tree_of(Path(stack.directory)) == live
    assert answer["starts"] == ["zetherion-ai-skills-blue", "zetherion-ai-api-blue"]
    assert (answer["target_color"], answer["stops"], answer["current"]) == (Color.BLUE, [], None)
    assert {i["service"]: i["builds"] for i in answer["images"]} == {
        "zetherion-ai-skills-blue": True,
        "zetherion-ai-api-blue": True,
        "zetherion-ai-bot": True,
    }
    assert answer["singletons"][0]["reason"] == "it starts for the first time"
    assert not answer["would_start"]
    blocked = "; ".join(answer["blocked_by"])
    assert "through Traefik" in blocked
    assert "compose_invalid: zetherion-ai-api-blue: build/dockerfile is Dockerfile, which" in blocked
    assert "secrets/discord-token (zetherion-ai-bot): neither the release nor" in blocked
    assert CANARY not in str(answer)
