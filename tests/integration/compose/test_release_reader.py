"""A release is read by Compose itself: its own files, its variables, and a refusal where something is missing."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import ComposeInvalid, UpdaterError, VariableMissing
from app.domain.stack import FileRules, ReleaseValue, Singleton
from tests.integration.compose.read_release import BLUE, SHA, Bench, content, release_reader
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.commands import ComposeFiles
from workers.adapters.docker_host.compose.program import find_compose
from workers.definition.changes.changed_values import changed_values
from workers.ports import Origin, Stamp


async def refusal(bench: Bench, kind: type[UpdaterError] = ComposeInvalid) -> str:
    read = await bench.read()
    (problem,) = read.problems
    assert isinstance(problem, kind)
    assert not (bench.tree.parent.parent / "files").exists(), "nothing is copied for it"
    assert list(bench.live.iterdir()) == [bench.live / name for name in (".env",) if (bench.live / name).exists()]
    return str(problem)


# Files of the release


async def test_compose_file_in_a_subdirectory_builds_the_release(bench: Bench) -> None:
    bench.stack = replace(bench.stack, compose_files=("docker/docker-compose.yml",))
    bench.compose({"build": {"context": ".."}}, "docker/docker-compose.yml")
    for root in (bench.tree, bench.live):  # the live directory is a clone of an old version
        bench.put(root, "Dockerfile", "FROM scratch")
    assert (await bench.service())["build"]["context"] == str(bench.tree)


async def test_several_compose_files_are_merged_in_order(bench: Bench) -> None:
    bench.stack = replace(bench.stack, compose_files=("docker-compose.yml", "deploy/production.yml"))
    bench.compose({"environment": {"MODE": "test", "KEPT": "1"}})
    production = {"environment": {"MODE": "live"}, "volumes": ["./site.conf:/site.conf:ro"]}
    bench.put(bench.tree, "deploy/production.yml", json.dumps({"services": {BLUE: production}}))
    bench.put(bench.tree, "site.conf", "x")
    found = await bench.service()
    assert found["environment"] == {"MODE": "live", "KEPT": "1"}
    assert content(found["volumes"][0]["source"]) == "x"


@pytest.mark.parametrize("clone", [False, True], ids=["empty", "old clone"])
async def test_extended_and_included_files_are_the_releases(bench: Bench, clone: bool) -> None:
    for root, mode in ((bench.tree, "new"), (bench.live, "old")):
        if clone or root == bench.tree:
            base = {"environment": {"MODE": mode}, "env_file": ["base.env"], "volumes": ["./a.conf:/a.conf:ro"]}
            bench.put(root, "common/base.yml", json.dumps({"services": {"base": base}}))
            bench.put(root, "common/base.env", f"BASE={mode}\n")
            bench.put(root, "common/a.conf", mode)
            bench.put(root, "more.yml", json.dumps({"services": {"more": {"image": mode}}}))
    bench.compose({"extends": {"file": "common/base.yml", "service": "base"}}, include=["more.yml"])
    read = await bench.read()
    found = read.model["services"]
    assert (found[BLUE]["environment"], found["more"]["image"]) == ({"MODE": "new", "BASE": "new"}, "new")
    assert content(found[BLUE]["volumes"][0]["source"]) == "new"
    assert ("common/a.conf", Origin.RELEASE) in {(f.path, f.origin) for f in read.files}


async def test_label_file_is_the_releases(bench: Bench) -> None:
    bench.compose({"label_file": ["app.labels"]})
    for root, value in ((bench.tree, "new"), (bench.live, "old")):
        bench.put(root, "app.labels", f"com.example.app={value}\n")
    assert (await bench.service())["labels"]["com.example.app"] == "new"


async def test_file_that_is_read_at_the_start_is_refused(bench: Bench) -> None:
    bench.compose({"security_opt": ["seccomp:./seccomp.json"]})
    for root in (bench.tree, bench.live):
        bench.put(root, "seccomp.json", "{}")
    read = await bench.read()
    (problem,) = read.problems
    assert "api-blue: security_opt has seccomp:./seccomp.json" in str(problem)
    assert "Write its absolute path on the host" in str(problem)


async def test_env_file_is_the_releases_if_it_has_one(bench: Bench) -> None:
    bench.compose({"env_file": ["app.env", "host.env", {"path": "none.env", "required": False}]})
    for root, value in ((bench.tree, "new"), (bench.live, "old")):
        bench.put(root, "app.env", f"APP={value}\n")
    bench.put(bench.live, "host.env", "HOST='a $5 b'\n")
    read = await bench.read()
    assert read.model["services"][BLUE]["environment"] == {"APP": "new", "HOST": "a $$5 b"}
    of_blue = {(f.path, f.origin) for f in read.files if f.service == BLUE}
    assert of_blue == {("app.env", Origin.RELEASE), ("host.env", Origin.LIVE)}
    bench.stack = replace(bench.stack, files=FileRules(live=("app.env",)))
    assert (await bench.service())["environment"]["APP"] == "old"


async def test_another_version_of_an_env_file_is_named(bench: Bench) -> None:
    """A stranger commits the file with placeholders, and writes the values into it on the host."""
    bench.compose({"env_file": ["app.env"]})
    bench.put(bench.tree, "app.env", "TOKEN=placeholder\n")
    assert not (await bench.read()).warnings
    bench.put(bench.live, "app.env", "TOKEN=placeholder\n")
    assert not (await bench.read()).warnings
    bench.put(bench.live, "app.env", "TOKEN=real\n")
    (warning,) = (await bench.read()).warnings
    assert warning.startswith("api-blue, api-green, bot uses the release's app.env. ")
    assert warning.endswith("add app.env to files/live in the stack file")
    assert "real" not in warning
    bench.stack = replace(bench.stack, files=FileRules(live=("app.env",)))
    assert not (await bench.read()).warnings


async def test_operators_env_file_is_his_for_containers_too(bench: Bench) -> None:
    """A committed `.env` has the developers' values."""
    bench.compose({"env_file": [".env"], "environment": {"I": "${PASSWORD}"}})
    bench.put(bench.tree, ".env", "PASSWORD=dev\n")
    bench.put(bench.live, ".env", "PASSWORD=real\n")
    assert (await bench.service())["environment"] == {"I": "real", "PASSWORD": "real"}


async def test_env_file_of_a_file_that_an_included_file_includes_is_not_lost(bench: Bench) -> None:
    bench.compose({}, include=["one/compose.yml"])
    bench.put(bench.tree, "one/compose.yml", "include: [two/compose.yml]\n")
    more = {"services": {"more": {"image": "x", "environment": {"A": "${A:-default}"}}}}
    bench.put(bench.tree, "one/two/compose.yml", json.dumps(more))
    bench.put(bench.live, "one/two/.env", "A=1\n")
    (problem,) = (await bench.read()).problems
    assert "one/two/.env is in " in str(problem)
    bench.stack = replace(bench.stack, env_files=("one/two/.env",))
    assert (await bench.service("more"))["environment"] == {"A": "1"}


async def test_env_file_of_an_included_file_is_not_lost(bench: Bench) -> None:
    """A plain `docker compose` reads the `.env` beside an included file."""
    bench.compose({}, include=["mon/compose.yml"])
    bench.put(bench.tree, "mon/compose.yml", json.dumps({"services": {"mon": {"image": "x:${V:-old}"}}}))
    bench.put(bench.live, "mon/.env", "V=2\n")
    (problem,) = (await bench.read()).problems
    assert "Write env_files: [mon/.env]" in str(problem)
    bench.put(bench.live, ".env", "W=1\n")
    (problem,) = (await bench.read()).problems
    assert "Write env_files: [.env, mon/.env]" in str(problem), "the default counts only alone"
    bench.stack = replace(bench.stack, env_files=("mon/.env",))
    assert (await bench.service("mon"))["image"] == "x:2"


async def test_env_file_beside_a_nested_compose_file_is_not_lost(bench: Bench) -> None:
    bench.stack = replace(bench.stack, compose_files=("docker/compose.yml",))
    bench.compose({"image": "x:${V:-old}"}, "docker/compose.yml")
    bench.put(bench.live, "docker/.env", "V=2\n")
    (problem,) = (await bench.read()).problems
    assert "Write env_files: [docker/.env]" in str(problem)


async def test_path_far_beside_the_stack_is_the_hosts(bench: Bench) -> None:
    """`../../uploads` is not in the updater's own directory, which an absolute path still may name."""
    own, above = bench.tree.parent.parent, bench.live.parent.parent
    bench.compose(
        {"volumes": ["../../uploads:/x", f"{own}/socket/:/y", "${DATA}/d:/z", "vol:/v"], "configs": ["c"]},
        configs={"c": {"file": "../../c"}},
        volumes={"vol": {"driver": "local", "driver_opts": {"type": "none", "o": "bind", "device": "../../v"}}},
    )
    bench.put(bench.live, ".env", f"DATA={own}\n")
    read = await bench.read()
    found = read.model["services"][BLUE]["volumes"]
    assert [v["source"] for v in found] == [str(above / "uploads"), f"{own}/socket/", f"{own}/d", "vol"]
    assert read.model["configs"]["c"]["file"] == str(above / "c")
    assert read.model["volumes"]["vol"]["driver_opts"]["device"] == str(above / "v")


async def test_path_beside_the_stack_is_the_hosts(bench: Bench) -> None:
    """`../shared` is beside the live directory, not beside the release's worktree."""
    shared = bench.live.parent / "shared"
    bench.put(shared, "app.env", "A=1\n")
    bench.compose(
        {"volumes": ["../shared:/x", "vol:/v"], "env_file": ["../shared/app.env"], "configs": ["c"]},
        configs={"c": {"file": "../shared/c"}},
        volumes={"vol": {"driver_opts": {"type": "none", "o": "bind", "device": "../shared/v"}}},
    )
    read = await bench.read()
    found = read.model["services"][BLUE]
    assert (found["volumes"][0]["source"], found["environment"]) == (str(shared), {"A": "1"})
    assert read.model["configs"]["c"]["file"] == str(shared / "c")
    assert "trees" not in read.model["volumes"]["vol"]["driver_opts"]["device"]
    bench.compose({"build": {"context": "../shared"}})
    (problem,) = (await bench.read()).problems
    assert "api-blue: build/context is ../shared, outside the release" in str(problem)


async def test_optional_env_file_of_the_host_counts(bench: Bench) -> None:
    """Compose leaves it out without a word, if it looks only in the release."""
    bench.compose({"env_file": [{"path": "${WHICH}.env", "required": False}]})
    bench.put(bench.live, ".env", "WHICH=local\n")
    bench.put(bench.live, "local.env", "A=1\n")
    assert (await bench.service())["environment"] == {"A": "1"}


async def test_env_file_that_is_missing_is_refused_by_name(bench: Bench) -> None:
    bench.compose({"env_file": ["app.env"]})
    text = await refusal(bench)
    assert "api-blue: env_file app.env is neither in the release nor in" in text
    bench.compose({}, services={"postgres": {"image": "x", "env_file": ["app.env", "more.env"]}})
    text = await refusal(bench)
    assert "postgres: env_file app.env" in text
    assert "postgres: env_file more.env" in text


async def test_mounted_file_is_a_copy_of_the_releases(bench: Bench) -> None:
    bench.compose({"volumes": ["./site.conf:/etc/site.conf:ro"]})
    bench.put(bench.tree, "site.conf", "new")
    volume = (await bench.service())["volumes"][0]
    assert not Path(volume["source"]).is_relative_to(bench.tree), "worktrees are deleted"
    assert (content(volume["source"]), volume["bind"]["create_host_path"]) == ("new", False)


async def test_plan_copies_nothing_and_says_the_same(bench: Bench) -> None:
    bench.compose({"volumes": ["./site.conf:/etc/site.conf:ro"]})
    bench.put(bench.tree, "site.conf", "new")
    planned = await bench.read(keep=False)
    assert not (bench.tree.parent.parent / "files").exists()
    assert await bench.read() == planned


async def test_missing_mount_is_refused_and_creates_nothing(bench: Bench) -> None:
    bench.compose({"volumes": ["./site.conf:/etc/site.conf:ro"]})
    assert "site.conf (api-blue)" in await refusal(bench)


async def test_unmoved_service_keeps_its_path_until_the_file_changes(bench: Bench) -> None:
    """Else a plain `docker compose up` would replace the database after every release."""
    postgres = {"image": "postgres", "volumes": ["./init.sql:/init.sql:ro"]}
    bench.compose({}, services={"postgres": postgres})
    for root in (bench.tree, bench.live):
        bench.put(root, "init.sql", "one")
    old = str(bench.live / "init.sql")
    volume = {"type": "bind", "source": old, "target": "/init.sql", "read_only": True}
    published = {"services": {"postgres": {"volumes": [volume]}}}
    first = await bench.read(published)
    assert first.model["services"]["postgres"]["volumes"][0]["source"] == old
    bench.put(bench.tree, "init.sql", "two")
    second = (await bench.read(first.model)).model
    assert content(second["services"]["postgres"]["volumes"][0]["source"]) == "two"
    assert (await bench.read(second)).model["services"]["postgres"] == second["services"]["postgres"]


# Variables


async def test_variables_of_the_release_are_set(bench: Bench) -> None:
    bench.stack = replace(bench.stack, variables={"TAG": ReleaseValue.TAG})
    args = {"UPDATER_SHORT_SHA": None, "TAG": None}
    bench.compose({"image": "app:${TAG-stable}", "environment": {"V": "${UPDATER_VERSION}", "AT": "${PWD}"}})
    bench.put(bench.live, ".env", "TAG=stale\n")
    found = await bench.service()
    assert (found["image"], found["environment"]) == ("app:v1.1.0", {"V": "1.1.0", "AT": str(bench.live)})
    bench.compose({"build": {"context": ".", "args": args}})
    bench.put(bench.tree, "Dockerfile", "FROM scratch")
    assert (await bench.service())["build"]["args"] == {"UPDATER_SHORT_SHA": SHA[:12], "TAG": "v1.1.0"}


@pytest.mark.parametrize("written", ["${NEW_SECRET}", "$NEW_SECRET", "a-${NEW_SECRET}-b"])
async def test_variable_that_is_unset_is_refused_by_name(bench: Bench, written: str) -> None:
    bench.compose({"environment": {"SECRET": written}})
    text = await refusal(bench, VariableMissing)
    assert "NEW_SECRET (api-blue, api-green, bot)" in text
    assert "Add NEW_SECRET=… to .env" in text
    bench.put(bench.live, ".env", "NEW_SECRET=\n")
    assert (await bench.service())["environment"]["SECRET"] == re.sub(r"\$\{?NEW_SECRET\}?", "", written)


@pytest.mark.parametrize("environment", [["NEW_SECRET", "MODE=live"], {"NEW_SECRET": None, "MODE": "live"}])
async def test_variable_that_is_only_passed_on_is_refused_too(bench: Bench, environment: Any) -> None:
    bench.compose({"environment": environment})
    assert "nothing sets NEW_SECRET (api-blue, api-green, bot)" in await refusal(bench, VariableMissing)
    bench.stack = replace(bench.stack, allow_unset=frozenset({"NEW_SECRET"}))
    assert (await bench.service())["environment"] == {"MODE": "live"}
    bench.put(bench.live, ".env", "NEW_SECRET=5\n")
    assert (await bench.service())["environment"] == {"NEW_SECRET": "5", "MODE": "live"}


async def test_variable_that_another_service_passes_on_may_be_missing(bench: Bench) -> None:
    bench.compose({}, services={"postgres": {"image": "x", "environment": ["OPTIONAL"]}})
    read = await bench.read()
    assert not read.problems
    assert not read.warnings


@pytest.fixture
def of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "LANG", "TMPDIR"):
        monkeypatch.setenv(name, "/of/the/worker")


@pytest.mark.usefixtures("of_the_worker")
@pytest.mark.parametrize("name", ["HOME", "LANG", "TMPDIR", "DOCKER_HOST"])
async def test_worker_s_own_variable_does_not_count(bench: Bench, name: str) -> None:
    bench.host = "tcp://socket-proxy:2375"
    bench.compose({"environment": {"A": f"${{{name}}}"}})
    assert f"nothing sets {name} (api-blue, api-green, bot)" in await refusal(bench, VariableMissing)
    bench.put(bench.live, ".env", f"{name}=/srv\n")
    assert (await bench.service())["environment"] == {"A": "/srv"}


@pytest.mark.usefixtures("of_the_worker")
async def test_home_directory_in_an_env_file_is_the_operators(bench: Bench) -> None:
    bench.compose({"volumes": ["${DATA}:/data"]})
    bench.put(bench.live, ".env", "DATA=${HOME}/data\n")
    assert "nothing sets HOME (a value in an env file)" in await refusal(bench, VariableMissing)
    bench.put(bench.live, ".env", "HOME=/srv/operator\nDATA=${HOME}/data\n")
    assert (await bench.service())["volumes"][0]["source"] == "/srv/operator/data"


@pytest.mark.usefixtures("of_the_worker")
async def test_home_directory_is_the_operators(bench: Bench) -> None:
    bench.compose({"volumes": ["~/data:/data"]})
    assert "~/data" in await refusal(bench, ComposeInvalid)
    bench.put(bench.live, ".env", "HOME=/srv/operator\n")
    assert (await bench.service())["volumes"][0]["source"] == "/srv/operator/data"


async def test_default_or_permission_needs_no_value(bench: Bench) -> None:
    bench.compose({"environment": {"A": "${A:-}", "B": "${B-x}", "C": "$$C", "D": "${D:+set}", "E": "${E}"}})
    bench.stack = replace(bench.stack, allow_unset=frozenset({"E"}))
    assert (await bench.service())["environment"] == {"A": "", "B": "x", "C": "$$C", "D": "", "E": ""}


async def test_variable_of_a_service_that_does_not_move_is_a_warning(bench: Bench) -> None:
    bench.compose({}, services={"postgres": {"image": "x", "environment": {"P": "${PG_PASSWORD}"}}})
    warning = (
        "nothing sets PG_PASSWORD (postgres), so it is empty there. Set it, or list it in allow_unset in the stack file"
    )
    assert (await bench.read()).warnings == (warning,)


async def test_own_env_files_replace_the_default(bench: Bench) -> None:
    bench.stack = replace(bench.stack, env_files=("production.env",))
    bench.compose({"environment": {"A": "${A-none}", "B": "${B}"}})
    bench.put(bench.live, ".env", "A=1\n")
    bench.put(bench.live, "production.env", "B=2\n")
    bench.put(bench.tree, ".env", "A=3\n")
    assert (await bench.service())["environment"] == {"A": "none", "B": "2"}


async def test_composes_own_warnings_are_kept(bench: Bench) -> None:
    bench.compose({}, version="3")
    (warning,) = (await bench.read()).warnings
    assert "`version` is obsolete" in warning


async def test_secret_from_the_environment_has_a_value_or_is_refused(bench: Bench) -> None:
    bench.compose({"secrets": ["token"]}, secrets={"token": {"environment": "API_TOKEN"}})
    assert "API_TOKEN" in await refusal(bench, VariableMissing)
    bench.put(bench.live, ".env", 'API_TOKEN=\'a$b "c"\'\nKEY="one\ntwo"\n')
    read = await bench.read()
    assert "a$b" not in json.dumps(read.model), "the value is not in the definition"
    given = ComposeFiles.below(bench.live, bench.stack)
    values = await Compose(find_compose(), "shop", None).values(["${API_TOKEN}", "${KEY}", "$$x"], given)
    assert values == ['a$b "c"', "one\ntwo", "$x"]


async def test_changed_value_of_a_secret_is_a_change(bench: Bench) -> None:
    bench.compose({"secrets": ["token"]}, secrets={"token": {"environment": "API_TOKEN"}})

    async def read_with(value: str) -> dict[str, Any]:
        bench.put(bench.live, ".env", f"API_TOKEN='{value}'\n")
        read = await bench.read()
        assert value not in json.dumps(read.model)
        return read.model

    one, two, back = [await read_with(value) for value in ("of today", "of tomorrow", "of today")]
    labels = [each["services"]["bot"]["labels"]["updater.definition"] for each in (one, two, back)]
    assert labels[0] != labels[1] != labels[2] == labels[0]
    assert changed_values(one, two, ["bot"]) == {"bot": ("secrets/token",)}


async def test_first_release_leaves_unmoved_definitions_alone(bench: Bench) -> None:
    """Nothing is published before it, and the containers run from the live directory."""
    bench.compose({}, services={"traefik": {"image": "traefik", "volumes": ["./traefik.yml:/traefik.yml:ro"]}})
    for root in (bench.tree, bench.live):
        bench.put(root, "traefik.yml", "one")
    assert (await bench.service("traefik"))["volumes"][0]["source"] == str(bench.live / "traefik.yml")


async def test_part_of_a_password_is_in_no_warning(bench: Bench) -> None:
    bench.compose({})
    bench.put(bench.live, ".env", "DB_PASSWORD=pa$sw0rd\n")
    (warning,) = (await bench.read()).warnings
    assert ("sw0rd" in warning, "single quotes" in warning) == (False, True)


async def test_permission_counts_for_secrets_too(bench: Bench) -> None:
    bench.stack = replace(bench.stack, allow_unset=frozenset({"OPTIONAL"}))
    bench.compose({"secrets": ["token"]}, secrets={"token": {"environment": "OPTIONAL"}})
    assert (await bench.read()).problems == ()


async def test_unreadable_file_that_may_name_env_files_is_refused(bench: Bench) -> None:
    bench.compose({"ulimits": {"nofile": "${F:-1024}"}, "env_file": [{"path": "local.env", "required": False}]})
    bench.put(bench.live, "local.env", "A=1\n")
    with pytest.raises(ComposeInvalid, match="Replace that variable by its value"):
        await bench.read()


async def test_value_may_be_needed_to_read_the_file_at_all(bench: Bench) -> None:
    """Compose cannot print such a file without values, so it is read with them only."""
    bench.compose({"ulimits": {"nofile": "${FILES}"}})
    bench.put(bench.live, ".env", "FILES=1024\n")
    assert (await bench.service())["ulimits"] == {"nofile": 1024}


# What two services that run at once cannot both have


async def test_host_ports_of_two_colors_are_refused(bench: Bench) -> None:
    bench.compose({"ports": ["127.0.0.1:8080-8081:8000-8001", "9000-9010:9000"]})
    (problem,) = (await bench.read()).problems
    for port in ("127.0.0.1:8080", "127.0.0.1:8081"):
        assert f"api-blue, api-green and bot have port {port} of the host (tcp), and they run at once" in str(problem)
    assert "Give each its own, or remove ports" in str(problem)
    assert "9000" not in str(problem), "Docker takes a free port of a range"


async def test_key_that_compose_does_not_know_is_refused(bench: Bench) -> None:
    bench.compose({"enviroment": {"MODE": "live"}})
    with pytest.raises(ComposeInvalid) as refused:
        await bench.read()
    assert "enviroment" in "\n".join([refused.value.detail, *refused.value.last_lines])


async def test_older_release_is_read_without_what_it_lacks(bench: Bench) -> None:
    bench.compose({})
    today = replace(bench.stack, singletons=(*bench.stack.singletons, Singleton("cron", "cron")))
    whole = replace(bench, stack=today)
    with pytest.raises(ComposeInvalid, match="it has no service cron"):
        await whole.read()
    reader = release_reader(Compose(find_compose(), "shop", bench.host), today, bench.tree, bench.client)
    read = await reader.of(bench.stack).read(bench.tree, Stamp("v1.0.0", SHA, "r-1"), None)
    assert {BLUE, "api-green", "bot"} <= set(read.model["services"])
