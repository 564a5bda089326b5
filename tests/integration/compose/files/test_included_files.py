"""Files that Compose reads while it reads the release's: `env_file` of `include`, and `label_file`."""

import json
from pathlib import Path

import pytest

from app.domain.errors import ComposeInvalid
from tests.integration.compose.read_release import BLUE, Bench
from workers.ports import FileUse, Origin

INCLUDED = json.dumps({"services": {"more": {"image": "x:${V:-none}"}}})


def include(bench: Bench, env_file: str | list[str], *, nested: bool) -> None:
    """`sub/compose.yml` in the release, included with `env_file`, directly or by a file of `outer/`."""
    entry = {"path": "sub/compose.yml", "env_file": env_file}
    if nested:
        bench.compose({}, include=["outer/compose.yml"])
        bench.put(bench.tree, "outer/compose.yml", json.dumps({"include": [entry]}))
    else:
        bench.compose({}, include=[entry])
    bench.put(bench.tree, "outer/sub/compose.yml" if nested else "sub/compose.yml", INCLUDED)


@pytest.mark.parametrize("nested", [False, True], ids=["at the top", "in an included file"])
@pytest.mark.parametrize("several", [False, True], ids=["one", "several"])
async def test_env_file_of_an_include_is_refused_by_name(bench: Bench, *, nested: bool, several: bool) -> None:
    path = "outer/sub/.env" if nested else "sub/.env"
    include(bench, ["/dev/null", "sub/.env"] if several else "sub/.env", nested=nested)
    with pytest.raises(ComposeInvalid, match=rf"include of sub/compose.yml: env_file {path} is missing in the") as no:
        await bench.read()
    bench.put(bench.live, path, "V=of the host\n")
    with pytest.raises(ComposeInvalid, match=rf"env_file {path} is in {bench.live} only, .* env_files") as refused:
        await bench.read()
    assert str(bench.tree) not in f"{no.value} {refused.value}"
    bench.put(bench.tree, path, "V=new\n")
    assert (await bench.service("more"))["image"] == "x:new"


async def test_include_with_an_escape_in_its_name_is_found(bench: Bench) -> None:
    """Compose reads it as the same key, and a file without the word `include` is not searched."""
    include(bench, "sub/.env", nested=False)
    file = bench.tree / "docker-compose.yml"
    file.write_text(file.read_text().replace('"include"', r'"inclu\u0064e"'))
    with pytest.raises(ComposeInvalid, match=r"include of sub/compose.yml: env_file sub/\.env is missing in the"):
        await bench.read()
    bench.put(bench.tree, "sub/.env", "V=new\n")
    assert (await bench.service("more"))["image"] == "x:new"


async def test_label_file_of_the_host_counts(bench: Bench) -> None:
    bench.compose({"label_file": ["app.labels", "${NAME}.labels"], "env_file": ["app.env"]})
    bench.put(bench.tree, "app.env", "A=new\n")
    bench.put(bench.tree, "app.labels", "com.example.app=new\n")
    bench.put(bench.live, "host.labels", "com.example.host=host\n")
    bench.put(bench.live, ".env", "NAME=host\n")
    read = await bench.read()
    blue = read.model["services"][BLUE]
    labels = blue["labels"]
    assert (labels["com.example.app"], labels["com.example.host"]) == ("new", "host")
    assert blue["environment"] == {"A": "new"}
    assert {FileUse("app.labels", Origin.RELEASE, BLUE, "label_file")} < set(read.files)
    assert {FileUse("host.labels", Origin.LIVE, BLUE, "label_file")} < set(read.files)


async def test_missing_label_file_is_refused_by_name(bench: Bench, tmp_path: Path) -> None:
    bench.compose({"label_file": ["app.labels", f"{tmp_path}/none.labels"]})
    (problem,) = (await bench.read()).problems
    assert f"{BLUE}: label_file app.labels is neither in the release nor in {bench.live}" in str(problem)
    assert f"{BLUE}: label_file {tmp_path}/none.labels is missing on the host" in str(problem)
    assert str(bench.tree) not in str(problem)
