"""An `env_file` whose path is in a variable."""

from pathlib import Path

import pytest

from tests.integration.compose.read_release import BLUE, Bench
from workers.ports import FileUse, Origin


@pytest.mark.parametrize("where", ["docker-compose.yml", "deploy/included.yml", "deploy/extended.yml"])
async def test_absolute_path_of_a_variable_stays_absolute(bench: Bench, tmp_path: Path, where: str) -> None:
    """Compose writes it as a path of the release, before it knows the value."""
    host = tmp_path / "etc" / "app"
    bench.put(host, "x.env", "A=of the host\n")
    for path in (bench.tree, bench.tree / "deploy"):
        bench.put(path / str(host).lstrip("/"), "x.env", "A=of the release\n")
    bench.put(bench.live, ".env", f"ENV_FILE={host}/x.env\n")
    with_file = {"image": "shop", "env_file": ["${ENV_FILE}"]}
    if where == "deploy/included.yml":
        bench.compose({}, include=["deploy/included.yml"])
        bench.put(bench.tree, where, f"services: {{more: {with_file}}}\n".replace("'", '"'))
    elif where == "deploy/extended.yml":
        bench.compose({}, services={"more": {"extends": {"file": where, "service": "base"}}})
        bench.put(bench.tree, where, f"services: {{base: {with_file}}}\n".replace("'", '"'))
    else:
        bench.compose({}, services={"more": with_file})
    read = await bench.read()
    assert read.problems == ()
    assert read.model["services"]["more"]["environment"] == {"A": "of the host"}
    assert [file for file in read.files if file.key == "env_file"] == []


async def test_path_of_the_live_directory_in_a_variable_is_the_hosts(bench: Bench) -> None:
    bench.compose({"env_file": ["${PWD}/app.env"]})
    bench.put(bench.tree, "app.env", "A=of the release\n")
    bench.put(bench.live, "app.env", "A=of the host\n")
    assert (await bench.service())["environment"] == {"A": "of the host"}
    assert FileUse("app.env", Origin.LIVE, BLUE, "env_file") in (await bench.read()).files


async def test_relative_path_of_a_variable_is_the_releases(bench: Bench) -> None:
    bench.compose({"env_file": ["${DIR}/${NAME}.env"]})
    bench.put(bench.live, ".env", "DIR=conf\nNAME=app\n")
    bench.put(bench.tree, "conf/app.env", "A=of the release\n")
    assert (await bench.service())["environment"] == {"A": "of the release"}


async def test_home_in_a_variable_is_the_operators(bench: Bench, tmp_path: Path) -> None:
    bench.compose({"env_file": ["${ENV_FILE}"]})
    bench.put(tmp_path / "home", "x.env", "A=of the home directory\n")
    bench.put(bench.live, ".env", f"ENV_FILE='~/x.env'\nHOME={tmp_path}/home\n")
    assert (await bench.service())["environment"] == {"A": "of the home directory"}


@pytest.mark.parametrize("path", ["{}/none/x.env", "{}/live/none/x.env", "../none/x.env"])
async def test_missing_path_of_the_host_is_named_as_it_is(bench: Bench, tmp_path: Path, path: str) -> None:
    bench.compose({"env_file": ["${ENV_FILE}"]})
    bench.put(bench.live, ".env", f"ENV_FILE={path.format(tmp_path)}\n")
    named = path.format(tmp_path).replace("..", str(tmp_path))
    (problem,) = (await bench.read()).problems
    assert f"api-blue: env_file {named} is missing" in str(problem)
    assert str(bench.tree) not in str(problem)
