import asyncio
import json
import re
from pathlib import Path

import pytest

from app.config.compose_command import compose_command
from app.domain.errors import BuildFailed, ComposeInvalid, EngineFailed, StaleWorker, StartFailed
from app.domain.stack import ReleaseValue
from tests.examples import a_stack
from workers.adapters.docker_host.compose.client import Compose, warnings_in
from workers.adapters.docker_host.compose.commands import (
    MISSING,
    ComposeFiles,
    build_command,
    config_command,
    create_command,
    once_command,
    pull_command,
    up_command,
)
from workers.adapters.docker_host.compose.program import find_compose
from workers.ports import Stamp

MODEL = Path("/data/releases/abc/compose.json")
PROJECT = [
    *("docker", "compose", "--file", "/data/releases/abc/compose.json", "--project-name", "shop", "--profile", "*"),
    *("--env-file", "/dev/null", "--progress", "plain"),
]
DOCKER = ["docker", "compose"]


TREE = Path("/data/trees/abc")
GIVEN = ComposeFiles((TREE / "compose.json",), Path("/srv/shop"), (Path("/srv/shop/.env"),))


def test_config_reads_the_release_and_the_operators_variables() -> None:
    files = (TREE / "deploy/compose.yml", TREE / "deploy/compose.prod.yml")
    env_files = (Path("/srv/shop/.env"), Path("/srv/shop/prod.env"))
    assert config_command(DOCKER, ComposeFiles(files, Path("/srv/shop"), env_files, profiles=("a", "b")), "shop") == [
        *("docker", "compose", "--file", "/data/trees/abc/deploy/compose.yml"),
        *("--file", "/data/trees/abc/deploy/compose.prod.yml", "--project-directory", "/data/trees/abc/deploy"),
        *("--project-name", "shop", "--env-file", "/srv/shop/.env", "--env-file", "/srv/shop/prod.env"),
        *("--profile", "a", "--profile", "b", "config", "--format", "json"),
    ]


def test_release_sets_its_variables(tmp_path: Path) -> None:
    stack = a_stack(directory=str(tmp_path), variables={"TAG": ReleaseValue.VERSION})
    given = ComposeFiles.below(TREE, stack, Stamp("v1.2.0", "0123456789abcdef", "r-1"))
    assert given.env_files == (Path("/dev/null"),), "Compose would read the release's own .env"
    assert given.env == {
        "TAG": "1.2.0",
        "UPDATER_TAG": "v1.2.0",
        "UPDATER_VERSION": "1.2.0",
        "UPDATER_SHA": "0123456789abcdef",
        "UPDATER_SHORT_SHA": "0123456789ab",
        "PWD": str(tmp_path),
    }


def test_missing_env_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("")
    stack = a_stack(directory=str(tmp_path), env_files=(".env", ".env.production"))
    with pytest.raises(ComposeInvalid, match=r"\.env\.production is missing in .*env_files"):
        ComposeFiles.below(TREE, stack)


def test_warnings_are_read_whole() -> None:
    unset = r'time="2026-11-27T08:41:29Z" level=warning msg="The \"TOKEN\" variable is not set. Defaulting to …"'
    lines = [
        unset,
        unset,
        'time="2026-11-27T08:41:29Z" level=warning msg=obsolete',
        "something else",
    ]
    assert warnings_in(lines) == ['The "TOKEN" variable is not set. Defaulting to …', "obsolete"]


def test_commands_have_the_expected_arguments() -> None:
    assert build_command(DOCKER, MODEL, "shop", ["api-green", "bot"]) == [*PROJECT, "build", "api-green", "bot"]
    for always, policy in ((True, "always"), (False, "missing")):
        command = pull_command(DOCKER, MODEL, "shop", ["bot"], always=always)
        assert command == [*PROJECT, "pull", "--policy", policy, "bot"]
    for renew, flags in ((True, ["--renew-anon-volumes"]), (False, [])):
        assert up_command(DOCKER, MODEL, "shop", ["api-green", "bot"], renew_volumes=renew) == [
            *(*PROJECT, "up", "--detach", "--no-deps", "--no-build", *flags),
            *("api-green", "bot"),
        ]
    assert create_command(DOCKER, MODEL, "shop", "bot", 2) == [
        *PROJECT,
        *("up", "--no-start", "--no-deps", "--no-build", "--no-recreate", "--scale", "bot=2", "bot"),
    ]


def test_compose_is_that_of_the_environment() -> None:
    assert find_compose() == compose_command()


def compose(tmp_path: Path, script: str) -> Compose:
    """A Compose that runs the shell script `script` with the arguments. A file that is missing is an error."""
    file = tmp_path / "compose.sh"
    file.write_text(f'case "$*" in *"--file {MISSING} "*) exit 14 ;; esac\n{script}')
    return Compose(["sh", str(file)], "shop", "unix:///run/docker.sock")


async def test_stale_worker_starts_no_command(tmp_path: Path) -> None:
    def stale() -> None:
        raise StaleWorker("another worker has taken over")

    begun = tmp_path / "begun"
    late = Compose(["touch", str(begun)], "shop", None, fence=stale)
    for call in (
        late.build(MODEL, ["bot"], print, 10),
        late.pull(MODEL, ["bot"], print, 10, always=True),
        late.up(MODEL, ["bot"], 10),
        late.create(MODEL, "bot", 2, 10),
        late.once(MODEL, "bot", ["migrate"], name="m", limit=10, log=print),
    ):
        with pytest.raises(StaleWorker):
            await call
    assert not begun.exists()


async def test_command_that_loses_the_exit_code_is_refused(tmp_path: Path) -> None:
    """The script runs the command and ends with 0, as some packages' `docker-compose` does."""
    file, log = tmp_path / "compose.sh", tmp_path / "asked"
    file.write_text(f'echo "$*" >>{log}\nfalse\nexit 0\n')
    wrapped = Compose(["sh", str(file)], "shop", None)
    for asked in (
        wrapped.resolve(GIVEN),
        wrapped.hashes(GIVEN),
        wrapped.build(MODEL, ["bot"], lambda _: None, 10),
        wrapped.pull(MODEL, ["bot"], lambda _: None, 10, always=True),
        wrapped.up(MODEL, ["bot"], 10),
        wrapped.create(MODEL, "bot", 2, 10),
        wrapped.once(MODEL, "bot", ["migrate"], name="r-1", limit=10, log=lambda _: None),
    ):
        with pytest.raises(EngineFailed, match=r"ends with exit code 0 when Docker Compose fails.*Set UPDATER_COMPOSE"):
            await asked
    assert (await wrapped.by_hand(str(tmp_path)), await wrapped.version()) == (None, "")
    assert set(log.read_text().splitlines()) == {f"--file {MISSING} config --quiet"}


async def test_exit_code_is_asked_for_once(tmp_path: Path) -> None:
    log = tmp_path / "asked"
    file = tmp_path / "compose.sh"
    file.write_text(f'echo "$*" >>{log}\nexit 1\n')
    failing = Compose(["sh", str(file)], "shop", None)
    for _ in range(2):
        with pytest.raises(StartFailed):
            await failing.up(MODEL, ["bot"], 10)
    assert log.read_text().count(str(MISSING)) == 1


async def test_model_is_read_from_standard_output_only(tmp_path: Path) -> None:
    script = "echo 'the variable X is not set' >&2; echo '{\"services\": {}}'"
    assert (await compose(tmp_path, script).resolve(GIVEN)).model == {"services": {}}


async def test_unresolvable_file_blames_the_release(tmp_path: Path) -> None:
    with pytest.raises(ComposeInvalid, match=r"compose\.json does not resolve") as refused:
        await compose(tmp_path, "echo 'services.api must be a mapping' >&2; exit 15").resolve(GIVEN)
    assert refused.value.last_lines == ("services.api must be a mapping",)


@pytest.mark.parametrize("option", [{"scale": 3}, {"deploy": {"replicas": 3}}, {}])
async def test_one_name_for_several_containers_is_explained(tmp_path: Path, option: dict[str, object]) -> None:
    """Compose itself refuses it, and only says that it cannot."""
    services = {name: {"image": "x", "container_name": "web", **option} for name in ("web-blue", "web-green")}
    file = tmp_path / "compose.json"
    file.write_text(json.dumps({"services": services}))
    given = ComposeFiles((file,), tmp_path, (Path("/dev/null"),))
    with pytest.raises(ComposeInvalid, match="remove container_name from the services") as refused:
        await Compose(find_compose(), "shop", None).resolve(given)
    assert "container" in refused.value.last_lines[-1]


async def test_invalid_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ComposeInvalid, match="invalid JSON"):
        await compose(tmp_path, "echo services:").resolve(GIVEN)


@pytest.mark.parametrize(
    "message",
    [
        "unable to get image 'x': Cannot connect to the Docker daemon at unix:///s. Is the docker daemon running?",
        "error during connect: Post http://%2Fs/v1.41/containers/create: EOF",
        "failed to solve: Unavailable: error reading from server: EOF",
    ],
)
async def test_lost_engine_does_not_blame_the_release(tmp_path: Path, message: str) -> None:
    """Messages of Compose 2.40."""
    cut_off = compose(tmp_path, f'echo "{message}" >&2; exit 1')
    with pytest.raises(EngineFailed, match=re.escape(message)):
        await cut_off.up(MODEL, ["bot"], 10)
    assert cut_off.times_cut_off == 1


@pytest.mark.parametrize(
    "line", ["Error response from daemon: no such image", "failed to solve: x", "error during connect: EOF"]
)
async def test_exit_code_0_is_a_success_whatever_is_printed(tmp_path: Path, line: str) -> None:
    """The output may be that of a build or of a container."""
    well = compose(tmp_path, f'echo "{line}" >&2')
    await well.up(MODEL, ["bot"], 10)
    await well.build(MODEL, ["bot"], lambda _: None, 10)
    assert well.times_cut_off == 0


async def test_run_once_returns_the_exit_code(tmp_path: Path) -> None:
    lines: list[str] = []
    ended = compose(tmp_path, "echo no such column; exit 3")
    code = await ended.once(MODEL, "bot", ["migrate"], name="r-1", limit=10, log=lines.append)
    assert (code, lines) == (3, ["no such column"])


async def test_version_needs_exit_code_0(tmp_path: Path) -> None:
    assert await compose(tmp_path, "echo 2.40.3").version() == "2.40.3"
    assert await compose(tmp_path, "echo 'unknown command'; exit 1").version() == ""


async def test_build_output_is_not_taken_as_engine_loss(tmp_path: Path) -> None:
    script = "echo '#7 0.251 Cannot connect to the Docker daemon'; echo '0.251 error during connect: EOF'; exit 17"
    broken = compose(tmp_path, script)
    with pytest.raises(BuildFailed):
        await broken.build(MODEL, ["bot"], lambda _: None, 10)
    assert broken.times_cut_off == 0


async def test_build_streams_its_lines(tmp_path: Path) -> None:
    lines: list[str] = []
    await compose(tmp_path, "echo one; echo two >&2; echo three").build(MODEL, ["api-green"], lines.append, 10)
    assert lines == ["one", "two", "three"]


async def test_failed_build_names_services_and_lines(tmp_path: Path) -> None:
    script = "for n in $(seq 30); do echo line $n; done; exit 17"
    with pytest.raises(BuildFailed) as failed:
        await compose(tmp_path, script).build(MODEL, ["api-green", "bot"], lambda _: None, 10)
    assert (failed.value.detail, failed.value.service) == ("exit code 17", "api-green, bot")
    assert failed.value.last_lines == tuple(f"line {n}" for n in range(11, 31))


async def test_failed_pull_or_start_is_a_named_error(tmp_path: Path) -> None:
    broken = compose(tmp_path, "exit 1")
    with pytest.raises(BuildFailed):
        await broken.pull(MODEL, ["bot"], lambda _: None, 10, always=True)
    with pytest.raises(StartFailed):
        await broken.up(MODEL, ["bot"], 10)
    with pytest.raises(StartFailed):
        await broken.create(MODEL, "bot", 2, 10)


async def test_environment_has_the_engine_but_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "canary")
    script = 'printf \'["%s", "%s", "%s"]\' "$DOCKER_HOST" "$DOCKER_BUILDKIT" "$GITHUB_TOKEN"'
    environment = (await compose(tmp_path, script).resolve(GIVEN)).model
    assert json.loads(json.dumps(environment)) == ["unix:///run/docker.sock", "1", ""]


async def test_timeout_raises_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="longer than its limit"):
        await compose(tmp_path, "exec sleep 600").up(MODEL, ["bot"], 0.05)


async def test_missing_command_raises_a_named_error() -> None:
    with pytest.raises(EngineFailed, match="could not be run"):
        await asyncio.wait_for(Compose(["/no/such/compose"], "shop", None).up(MODEL, ["bot"], 10), 10)


def test_run_once_gets_a_name_but_no_port() -> None:
    assert once_command(DOCKER, MODEL, "shop", "api-green", ["migrate", "--to", "7"], name="shop-r-1") == [
        *PROJECT,
        *("run", "--no-deps", "--no-TTY", "--interactive=false", "--quiet-pull"),
        *("--name", "shop-r-1", "--label", "updater.once=shop-r-1"),
        *("api-green", "migrate", "--to", "7"),
    ]
