"""The releases of the faults' row 28, without an engine: what they print is what the redactor must recognize."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.demo.repository import CONTENT
from tests.examples import a_stack
from tests.faults.releases.canaries import (
    BEFORE_FLIP,
    IN_BOT,
    IN_BUILD,
    PRINTER,
    SECOND_ENV,
    VARIABLES,
    Canaries,
    printed,
    printed_by_a_crash,
)
from tests.faults.rows.canaries import RELEASES
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.commands import ComposeFiles
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.docker_host.compose.secret_values import learn_env_files
from workers.adapters.redaction import HIDDEN, Redactor
from workers.ports import Stamp

STAMP = Stamp("v1.1.0", "0123456789abcdef" * 2 + "01234567", "r-1")


def outputs(tree: Path, live: Path, environment: dict[str, str]) -> list[str]:
    """What the build, the command and the bot of the release in `tree` print."""
    files = [live / "canary.txt", live / "secrets" / "build-token"]
    runs = (
        [tree / "skills" / "build_canaries.py", *files],
        [tree / "skills" / PRINTER],
        [tree / "bot" / PRINTER],
    )
    env = {"PATH": os.environ["PATH"], **environment}
    return [
        subprocess.run(
            [sys.executable, *map(str, words)], env=env, capture_output=True, check=True, text=True, timeout=300
        ).stdout
        for words in runs
    ]


async def test_no_form_of_a_canary_is_shown(tmp_path: Path) -> None:
    tree, live = tmp_path / "tree", tmp_path / "live"
    shutil.copytree(CONTENT, tree)
    live.mkdir()
    ports = "".join(f"DEMO_{name}_PORT=1\n" for name in ("GATEWAY", "WEB", "SKILLS", "API", "METRICS"))
    (live / ".env").write_text(f"DEMO_BASE_IMAGE=base\nDEMO_TRAEFIK_IMAGE=traefik\nDEMO_ROUTES_DIR=/routes\n{ports}")
    canaries = Canaries()
    Canaries().write(live)
    canaries.write(live)
    printed()(tree)
    learned: set[str] = set()
    compose = Compose(find_compose(), "demo", None, learn=learned.update)
    given = ComposeFiles.below(tree, a_stack(directory=str(live), env_files=(".env", SECOND_ENV)), STAMP)
    model = (await compose.resolve(given)).model
    bot = {name: value.replace("$$", "$") for name, value in model["services"]["bot"]["environment"].items()}
    given_to_it = [canaries.token, canaries.key, canaries.stripe, canaries.second, canaries.part]
    assert [bot[name] for name in VARIABLES] == given_to_it
    await learn_env_files(compose, given)
    redactor = Redactor(live)
    redactor.learn(learned)
    needles = set(canaries.needles())
    shown = outputs(tree, live, bot)
    for text, where in zip(shown, (IN_BUILD, BEFORE_FLIP, IN_BOT), strict=True):
        assert sum(needle in text for needle in needles) >= 8
        hidden = "\n".join(redactor.text(line) for line in text.splitlines())
        assert f"{where} {HIDDEN}" in hidden
        assert [needle for needle in needles if needle in hidden] == []
    assert {needle for needle in needles if any(needle in text for text in shown)} >= needles - {
        needle for needle, where in canaries.needles().items() if "URL" in where
    }, "each is printed somewhere"


@pytest.mark.parametrize("what", RELEASES)
def test_release_is_made_of_the_sample_stack(tmp_path: Path, what: str) -> None:
    shutil.copytree(CONTENT, tmp_path / "tree")
    RELEASES[what][0](tmp_path / "tree")
    for file in (tmp_path / "tree").rglob("*.py"):
        compile(file.read_text(), str(file), "exec")


def test_bot_that_crashes_prints_first(tmp_path: Path) -> None:
    shutil.copytree(CONTENT, tmp_path / "tree")
    printed_by_a_crash(tmp_path / "tree")
    env = {"PATH": os.environ["PATH"], VARIABLES[0]: "a value"}
    bot = tmp_path / "tree" / "bot" / "bot.py"
    done = subprocess.run([sys.executable, str(bot)], env=env, capture_output=True, check=False, text=True, timeout=300)
    assert (done.returncode, done.stdout.startswith(f"{IN_BOT} a value")) == (1, True)
