import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.engine_commands import commands_of
from app.domain.stack import EngineKind, Stack
from tests.examples import a_stack

ROOT = Path(__file__).parents[4]
OF_ONE_ENGINE = re.compile(
    r"docker (compose (?!file)|ps|stop|start|rm|network connect|service|node|stack)", re.IGNORECASE
)
PIPELINE = ("workers/rollout", "workers/watchdogs", "workers/adoption")


@pytest.fixture
def swarm() -> Stack:
    return a_stack(engine=EngineKind.SWARM, registry="registry.example.org/team")


def test_commands_are_those_of_the_stacks_engine(swarm: Stack) -> None:
    on_one_host = commands_of(a_stack())
    assert on_one_host.stop("web-blue") == "`docker compose stop web-blue`"
    assert on_one_host.scale("web-blue", 3) == "`docker compose up --detach --no-deps web-blue` in /srv/shop"
    assert commands_of(swarm).stop("web-blue") == "`docker service scale shop_web-blue=0`"
    assert commands_of(swarm).scale("web-blue", 3) == "`docker service scale shop_web-blue=3`"


def test_swarm_has_no_word_of_compose(swarm: Stack) -> None:
    commands = commands_of(swarm)
    said = (
        *(commands.look, commands.start_again, commands.projects, commands.connect),
        *(commands.stop("bot"), commands.scale("bot", 1), commands.remove("bot")),
        commands.replace("bot", "old-bot", named=True),
    )
    assert not [text for text in said if "compose" in text.lower()]


def test_end_of_an_outsider_stays_on_its_host(swarm: Stack) -> None:
    end = "docker update --restart no old-bot && docker stop old-bot"
    assert end in commands_of(swarm).replace("bot", "old-bot", named=True)
    renamed = commands_of(a_stack()).replace("bot", "old-bot", named=True)
    assert renamed.startswith(f"in /srv/shop: `{end} && docker rename old-bot old-bot-before && ")


def test_pipeline_names_no_engines_command() -> None:
    """What the pipeline and the watchdogs say has the words of the stack's engine, from this module."""
    found = {f"{path}: {text}" for path in _modules() for text in _texts(path) if OF_ONE_ENGINE.search(text)}
    assert not found


def _modules() -> Iterator[Path]:
    for part in PIPELINE:
        yield from sorted((ROOT / part).rglob("*.py"))


def _texts(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value
