"""A release runs with its own files and variables, and so does the rollback to it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.demo.environment import Environment, tree_of
from tests.acceptance.stacks.running import SKILLS, read_in, running_one

pytestmark = pytest.mark.engine

FILE = "docker-compose.yml"
SEEN = ("/etc/site.conf", "/etc/pages/index.html", "/run/secrets/token", "/rules")


def with_files(text: str, **service: Any) -> Callable[[Path], None]:
    """The release's skills mount a file, a directory, a config and a secret, and have an env file. All say `text`."""

    def edit(tree: Path) -> None:
        model = yaml.safe_load((tree / FILE).read_text())
        for name in SKILLS:
            model["services"][name] |= {
                "env_file": ["deploy/app.env"],
                "volumes": ["./deploy/site.conf:/etc/site.conf:ro", "./deploy/pages:/etc/pages:ro"],
                "configs": ["rules"],
                "secrets": ["token"],
                **service,
            }
        model |= {"configs": {"rules": {"file": "./deploy/rules"}}, "secrets": {"token": {"environment": "TOKEN"}}}
        (tree / FILE).write_text(yaml.safe_dump(model))
        for file in ("site.conf", "pages/index.html", "rules"):
            (tree / "deploy" / file).parent.mkdir(parents=True, exist_ok=True)
            (tree / "deploy" / file).write_text(text)
        (tree / "deploy" / "app.env").write_text(f"APP={text}\n")

    return edit


def seen_in_skills(home: Environment) -> list[str]:
    """What the running skills read in the files, and in the variable of the env file."""
    container = running_one(home, *SKILLS)
    values = dict(pair.split("=", 1) for pair in container["Config"]["Env"])
    return [*read_in(home, container, SEEN), values["APP"]]


async def test_release_and_rollback_have_their_own_files(home: Environment) -> None:
    """The live directory is a clone of an old version, which must not show."""
    with (home.live / ".env").open("a") as env:
        env.write("TOKEN='from the host $5'\n")
    (home.live / "deploy").mkdir()
    for name in ("site.conf", "app.env", "rules"):
        (home.live / "deploy" / name).write_text("old")
    before = tree_of(home.live)
    for tag, text in (("v1.0.0", "one"), ("v1.1.0", "two"), ("v1.2.0", "three")):
        result = await home.go_live(tag, edit=with_files(text))
        assert result["status"] == "success"
        assert {warning.partition(". ")[0] for warning in result["warnings"]} == {
            f"{', '.join(SKILLS)} uses the release's deploy/rules",
            f"{', '.join(SKILLS)} uses the release's deploy/app.env",
            *(f"{name} uses the release's deploy/site.conf" for name in SKILLS),
        }
        assert seen_in_skills(home) == [text, text, "from the host $5", text, text]
    files = result["evidence"]["git_checkout_tag"]["files"]
    assert {"deploy/site.conf", "deploy/pages", "deploy/rules", "deploy/app.env"} <= set(files["release"])
    rolled = await home.post("/update/rollback")
    assert rolled.is_success, rolled.text
    await home.ended(rolled.json()["rollout_id"], 300)
    assert seen_in_skills(home) == ["two", "two", "from the host $5", "two", "two"]
    assert tree_of(home.live) == before, "nothing was written or created in the live directory"
    copies = sorted(path.read_text() for path in (home.directory / "data" / "files").rglob("*") if path.is_file())
    assert copies == ["three"] * 3 + ["two"] * 3, "those of v1.0.0 are gone"


def with_token_for_the_bot(tree: Path) -> None:
    model = yaml.safe_load((tree / FILE).read_text())
    model["services"]["bot"]["secrets"] = ["token"]
    model["secrets"] = {"token": {"environment": "TOKEN"}}
    (tree / FILE).write_text(yaml.safe_dump(model))


async def test_new_value_of_a_secret_reaches_an_unchanged_bot(home: Environment) -> None:
    env = home.live / ".env"
    before = env.read_text()
    bots = []
    for tag, value in (("v1.0.0", "one"), ("v1.1.0", "one"), ("v1.2.0", "two")):
        env.write_text(f"{before}TOKEN={value}\n")
        result = await home.go_live(tag, edit=with_token_for_the_bot, change=("skills", "api"))
        assert result["status"] == "success", result["error"]
        bots.append(token_of_the_bot(home))
    rolled = await home.post("/update/rollback")
    await home.ended(rolled.json()["rollout_id"], 300)
    bots.append(token_of_the_bot(home))
    assert [value for _, value in bots] == ["one", "one", "two", "two"]
    assert len({name for name, _ in bots}) == 2, "it is replaced once, and not by the rollback: that has today's value"


def token_of_the_bot(home: Environment) -> tuple[str, str]:
    """The running bot's container id and what it reads."""
    container = running_one(home, "bot")
    (token,) = read_in(home, container, ["/run/secrets/token"])
    return str(container["Id"]), token


async def test_release_that_lacks_something_is_refused_before_a_build(home: Environment) -> None:
    assert (await home.go_live("v1.0.0"))["status"] == "success"
    containers, live = {c["Id"] for c in home.containers()}, tree_of(home.live)
    unset = await home.go_live("v1.1.0", edit=with_files("x", environment={"KEY": "${NEW_SECRET}"}))
    assert (unset["status"], unset["reason_code"]) == ("failed", "variable_missing")
    assert "NEW_SECRET (skills-blue, skills-green)" in unset["error"]
    (await home.post("/update/unpause")).raise_for_status()
    missing = await home.go_live("v1.2.0", edit=with_files("x", secrets=[], volumes=["./site.cnf:/site.conf:ro"]))
    assert (missing["status"], missing["reason_code"]) == ("failed", "compose_invalid")
    assert "site.cnf (skills-blue)" in missing["error"]
    assert "docker_build" not in [*unset["steps_completed"], *missing["steps_completed"]]
    assert ({c["Id"] for c in home.containers()}, tree_of(home.live)) == (containers, live)
