"""What `init` cannot read of Traefik's configuration stops it, until the operator answers."""

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from app.cli.errors import Refused, WrongUse
from app.cli.init.answers import NO_ANSWERS, Answers, answers
from app.cli.init.command import Written, write_stack_file
from app.config.stack_file import load_stack

ENTRYPOINT = "--entrypoints.web.address=:80"
FILES = "--providers.file.directory=/dynamic"
CLOSED = "http: {routers: {shop: {rule: 'Host(`a.b`)', service: s, middlewares: [auth]}}}"
SERVICE = "http: {services: {s: {loadBalancer: {servers: [{url: 'http://shop-blue:8000'}]}}}}"
TEMPLATE = CLOSED.replace("a.b", '{{ env "HOST" }}')


def init(
    project: Path, *flags: str, given: Answers = NO_ANSWERS, others: dict[str, Any] | None = None, **traefik: Any
) -> Written:
    proxy = {"image": "traefik:v3", "command": list(flags), "volumes": ["./dynamic:/dynamic"], **traefik}
    colors = {f"shop-{color}": {"image": "shop", "expose": [8000]} for color in ("blue", "green")}
    services = {"services": {**colors, **(others or {}), "proxy": proxy}}
    (project / "compose.yaml").write_text(yaml.safe_dump({"name": "p", **services}))
    environ, given = {"UPDATER_COMPOSE": "false"}, replace(given, opened=("shop",))
    return write_stack_file(project, project / "stack.yml", force=True, environ=environ, answers=given)


def refused(project: Path, *flags: str, **traefik: Any) -> str:
    """What `init` says in its refusal. It writes nothing."""
    with pytest.raises(Refused) as caught:
        init(project, *flags, **traefik)
    assert not (project / "stack.yml").exists()
    return str(caught.value)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "dynamic").mkdir()
    (tmp_path / "dynamic" / "service.yml").write_text(SERVICE)
    return tmp_path


def test_files_that_cannot_be_read_are_named_with_what_to_do(project: Path) -> None:
    (project / "dynamic" / "auth.yml").write_text(TEMPLATE)
    (project / "dynamic" / "broken.toml").write_text("[")
    text = refused(project, ENTRYPOINT, FILES)
    assert "/dynamic/auth.yml (dynamic/auth.yml here) is a Go template, which only Traefik renders; " in text
    assert "/dynamic/broken.toml (dynamic/broken.toml here) is not valid TOML. " in text
    assert "of proxy cannot be read" in text
    assert "--copy PATH=COPY" in text
    assert "add --nothing-in /dynamic/auth.yml." in text


@pytest.mark.parametrize("name", ["/dynamic/auth.yml", "dynamic/auth.yml"])
def test_file_without_anything_of_the_stack_can_be_left_unread(project: Path, name: str) -> None:
    (project / "dynamic" / "auth.yml").write_text(TEMPLATE)
    written = init(project, ENTRYPOINT, FILES, given=Answers((name, "other.yml")))
    unread = next(line for line in written.notes.check if line.startswith("/dynamic/auth.yml (dynamic/auth.yml here)"))
    assert unread.endswith("which only Traefik renders. It was not read, because of --nothing-in.")
    assert "--nothing-in other.yml: there is no such unread part." in written.notes.check


def test_password_in_a_copy_is_carried_over(project: Path) -> None:
    (project / "dynamic" / "auth.yml").write_text(TEMPLATE)
    (project / "rendered.yml").write_text(CLOSED)
    copies = {PurePosixPath("/dynamic/auth.yml"): project / "rendered.yml"}
    written = init(project, ENTRYPOINT, FILES, given=Answers(copies=copies))
    (route,) = load_stack(written.path).routed[0].routes
    assert (route.rule, route.middlewares) == ("Host(`a.b`)", ("auth@file",))


def test_static_file_that_cannot_be_read_is_refused(project: Path) -> None:
    (project / "traefik.yml").write_text("providers: [")
    mounted = {"volumes": ["./traefik.yml:/etc/traefik/traefik.yml", "./dynamic:/dynamic"]}
    assert f"/etc/traefik/traefik.yml ({project}/traefik.yml here) is not valid YAML (line 1): it may set" in refused(
        project, **mounted
    )
    named = refused(project, "--configFile=/baked/in.yml", ENTRYPOINT)
    assert "/baked/in.yml is not mounted from this machine: it may set entrypoints with middlewares" in named
    elsewhere = refused(project, ENTRYPOINT, volumes=["config:/etc/traefik"])
    assert (
        "/etc/traefik is in the volume config, which is not on this machine's disk: it may have a static" in elsewhere
    )
    missing = refused(project, ENTRYPOINT, volumes=["./gone:/etc/traefik"])
    assert f"/etc/traefik is mounted from {project}/gone, which does not exist on this machine" in missing
    built = refused(project, build="./proxy")
    assert "traefik.yml may be in the image" in built


@pytest.mark.parametrize(
    "image", ["registry.example.org/infra/traefik:5", "me/traefik", "proxy", "example.org/traefik"]
)
def test_static_file_in_an_image_of_another_registry_is_refused(project: Path, image: str) -> None:
    """Traefik reads it in place of the flags: its entrypoints may ask for a password."""
    assert "traefik.yml may be in the image" in refused(project, ENTRYPOINT, FILES, image=image)
    assert "traefik.yml may be in the image" in refused(project, environment={"TRAEFIK_API": "true"}, image="x/traefik")
    assert init(project, ENTRYPOINT, FILES, given=Answers(("traefik.yml",)), image=image).path.exists()


@pytest.mark.parametrize(
    "image", ["traefik", "docker.io/traefik:3", "docker.io/library/traefik@sha256:0", "traefik/traefik"]
)
def test_official_image_has_no_static_file(project: Path, image: str) -> None:
    assert init(project, ENTRYPOINT, FILES, image=image).path.exists()


@pytest.mark.parametrize(
    ("directory", "traefik"),
    [
        ("/cfg", {"environment": {"XDG_CONFIG_HOME": "/cfg"}}),
        ("/home/me/.config", {"environment": ["HOME=/home/me"]}),
        ("/.config", {"user": "1000:1000"}),
        ("/cfg", {"working_dir": "/cfg"}),
    ],
)
def test_static_file_is_looked_for_where_traefik_does(project: Path, directory: str, traefik: dict[str, Any]) -> None:
    (project / "traefik.yml").write_text("entryPoints: {web: {address: ':81', http: {middlewares: [auth@file]}}}")
    volumes = [f"./traefik.yml:{directory}/traefik.yml", "./dynamic:/dynamic"]
    written = init(project, ENTRYPOINT, volumes=volumes, **traefik)
    assert load_stack(written.path).traefik.entrypoints["web"].url == "http://proxy:81"
    assert "has flags and the static file" in "\n".join(written.notes.check)


@pytest.mark.parametrize(
    ("name", "traefik"),
    [
        ("entrypoint", {"entrypoint": ["/start.sh"]}),
        ("entrypoint", {"entrypoint": ["sh", "-c", "envsubst <a >/etc/traefik/traefik.yml; exec traefik"]}),
        ("command", {"command": ["sh", "/start.sh", ENTRYPOINT]}),
        ("command", {"entrypoint": "/entrypoint.sh", "command": ["/start.sh", ENTRYPOINT]}),
        ("/entrypoint.sh", {"volumes": ["./start.sh:/entrypoint.sh", "./dynamic:/dynamic"]}),
    ],
)
def test_program_that_starts_traefik_is_refused(project: Path, name: str, traefik: dict[str, Any]) -> None:
    given = {"command": [ENTRYPOINT, FILES], **traefik}
    text = refused(project, **given)
    assert f"{name} runs " in text or f"{name} is mounted over that of the image" in text
    assert init(project, given=Answers((name,)), **given).path.exists()


@pytest.mark.parametrize(
    "traefik",
    [
        {"entrypoint": ["traefik"], "command": [ENTRYPOINT]},
        {"entrypoint": "/usr/local/bin/traefik", "command": [ENTRYPOINT]},
        {"entrypoint": ["/entrypoint.sh"], "command": ["traefik", ENTRYPOINT]},
        {"entrypoint": ["sh", "-c", f"exec traefik {ENTRYPOINT}"], "command": []},
        {"command": f"traefik {ENTRYPOINT}"},
    ],
)
def test_traefik_that_starts_itself_is_read(project: Path, traefik: dict[str, Any]) -> None:
    assert list(load_stack(init(project, **traefik).path).traefik.entrypoints) == ["web"]


def test_copy_of_a_static_file_is_read(project: Path) -> None:
    (project / "dynamic" / "router.yml").write_text(CLOSED)
    (project / "copy.yml").write_text("entryPoints: {web: {address: ':80'}}\nproviders: {file: {directory: /dynamic}}")
    given = Answers(copies={PurePosixPath("/baked/in.yml"): project / "copy.yml"})
    written = init(project, "--configFile=/baked/in.yml", given=given)
    assert load_stack(written.path).routed[0].routes[0].middlewares == ("auth@file",)


def test_file_in_the_path_of_the_image_is_not_taken_from_this_machine(project: Path) -> None:
    (project / "baked.yml").write_text("entryPoints: {web: {address: ':80'}}")
    assert f"{project}/baked.yml is not mounted" in refused(project, f"--configFile={project}/baked.yml")


def test_provider_that_only_traefik_reads_is_refused(project: Path) -> None:
    text = refused(
        project, ENTRYPOINT, FILES, "--providers.redis.endpoints=r:6379", "--providers.http.endpoint=http://x"
    )
    assert "providers.http is a provider whose routers only Traefik knows; providers.redis is" in text
    off = init(project, ENTRYPOINT, FILES, "--providers.docker=true", "--providers.consulcatalog=false")
    assert off.path.exists()
    given = Answers(("providers.redis",))
    assert init(project, ENTRYPOINT, FILES, "--providers.redis=true", given=given).path.exists()


ROUTER = {"traefik.http.routers.shop.rule": "Host(`a.b`)"}


def alone(project: Path, text: dict[str, Any], *nothing_in: str) -> Written:
    """Reads a Compose file that Compose itself cannot read."""
    (project / "compose.yaml").write_text(yaml.safe_dump({"name": "p", **text}))
    environ, given = {"UPDATER_COMPOSE": "false"}, Answers(nothing_in, opened=("shop",))
    return write_stack_file(project, project / "s.yml", force=True, environ=environ, answers=given)


def services(labels: dict[str, str], **traefik: Any) -> dict[str, Any]:
    colors = {f"shop-{color}": {"image": "x", "labels": labels} for color in ("blue", "green")}
    proxy = {"image": "traefik:v3", "command": [ENTRYPOINT, "--providers.docker=true"], **traefik}
    return {"services": {**colors, "proxy": proxy}}


def test_variables_that_compose_did_not_resolve_are_refused(project: Path) -> None:
    hidden = {**ROUTER, "traefik.http.routers.shop.middlewares": "${CLOSED:-}"}
    with pytest.raises(
        Refused, match=r"labels of shop-blue is not known, because Compose could not read .*; labels of"
    ):
        alone(project, services(hidden))
    mail = ["--certificatesresolvers.le.acme.email=${MAIL}", "--entrypoints.web.address=:80", "--providers.docker=true"]
    assert alone(project, services({**ROUTER, "note": "${X}"}, command=mail)).path.exists()
    for key, value in (
        ("command", [ENTRYPOINT, "--providers.docker=${DOCKER:-true}"]),
        ("environment", {"TRAEFIK_PROVIDERS_FILE_DIRECTORY": "${X:-/a}"}),
        ("extends", {"file": "other.yml", "service": "proxy"}),
    ):
        shown = "TRAEFIK_PROVIDERS_FILE_DIRECTORY" if key == "environment" else key
        with pytest.raises(Refused, match=f"{shown} of proxy is not known"):
            alone(project, services(ROUTER, **{key: value}))
    with pytest.raises(Refused, match="include of the Compose file is not known"):
        alone(project, {**services(ROUTER), "include": ["other.yml"]})
    assert alone(project, services(hidden), "labels of shop-blue", "labels of shop-green").path.exists()


def test_mount_that_a_variable_names_is_unread(project: Path) -> None:
    watched = {
        "command": [ENTRYPOINT, FILES],
        "volumes": ["${ROUTES:-./dynamic}:/dynamic", "${S:-/s}:/run/docker.sock"],
    }
    with pytest.raises(Refused, match="/dynamic is in a place that a variable names"):
        alone(project, services({}, **watched))


def test_override_file_with_something_of_traefik_is_refused(project: Path) -> None:
    (project / "compose.override.yaml").write_text("services: {shop-blue: {environment: {A: b}}}")
    assert alone(project, services(ROUTER)).path.exists()
    for text in (
        "services: {shop-blue: {labels: {traefik.http.routers.shop.middlewares: a}}}",
        "services: {proxy: {}}",
    ):
        (project / "compose.override.yaml").write_text(text)
        with pytest.raises(Refused, match=r"compose\.override\.yaml has something of Traefik"):
            alone(project, services(ROUTER))


def test_project_without_traefik_and_without_routers_is_refused(project: Path) -> None:
    colors = {f"shop-{color}": {"image": "x"} for color in ("blue", "green")}
    with pytest.raises(Refused, match=r"traefik is no service of this project.*--nothing-in traefik"):
        alone(project, {"services": colors})
    assert alone(project, {"services": colors}, "traefik").path.exists()


def test_answers_of_the_command_line_are_checked(project: Path) -> None:
    given = answers(["a.yml"], [f"/dynamic/a.yml={project}/dynamic"])
    assert given == Answers(("a.yml",), {PurePosixPath("/dynamic/a.yml"): project / "dynamic"})
    for wrong in ("a.yml", "/a.yml=", "dynamic/a.yml=b.yml"):
        with pytest.raises(WrongUse, match="is not PATH=COPY"):
            answers([], [wrong])
    with pytest.raises(WrongUse, match=r"gone\.yml does not exist"):
        answers([], ["/a.yml=gone.yml"])


def test_second_traefik_is_refused(project: Path) -> None:
    text = services({**ROUTER})
    other = {"image": "traefik:v2", "command": ["--entrypoints.inner.address=:81", "--providers.docker=true"]}
    both = {"services": {**text["services"], "second": other}}
    with pytest.raises(Refused, match=r"second is Traefik too, and only proxy is read.*--nothing-in proxy"):
        alone(project, both)
    assert alone(project, both, "second").path.read_text().count("    web: http://proxy:80")
    assert alone(project, both, "proxy").path.read_text().count("    inner: http://second:81")


def test_answer_about_a_name_does_not_hide_the_only_traefik(project: Path) -> None:
    assert "    web: http://proxy:80" in alone(project, services(ROUTER), "proxy").path.read_text()


def test_program_beside_traefik_is_no_second_one(project: Path) -> None:
    text, helper = services({**ROUTER}), {"image": "thomseddon/traefik-forward-auth"}
    assert alone(project, {"services": {**text["services"], "a-traefik-login": helper}}).path.exists()


def test_env_file_of_traefik_is_unread_without_compose(project: Path) -> None:
    with pytest.raises(Refused, match="env_file of proxy is not known"):
        alone(project, services(ROUTER, env_file=["traefik.env"]))


def test_helper_of_traefik_is_not_taken_for_it(project: Path) -> None:
    colors = {f"shop-{color}": {"image": "x", "labels": ROUTER} for color in ("blue", "green")}
    for name, image in (("traefik-forward-auth", "x"), ("traefik", "thomseddon/traefik-forward-auth:2")):
        with pytest.raises(Refused, match="traefik is no service of this project"):
            alone(project, {"services": {**colors, name: {"image": image}}})


STATIC = "entryPoints: {web: {address: ':80'}}\nproviders: {file: {directory: /dynamic}}\n"
OWN: dict[str, Any] = {"image": "registry.example.org/our/traefik:3"}


def test_static_file_of_the_image_may_come_first(project: Path) -> None:
    """Traefik reads one static file: /etc/traefik/traefik.toml before /etc/traefik/traefik.yml."""
    (project / "traefik.yml").write_text(STATIC)
    mounts = ["./dynamic:/dynamic", "./traefik.yml:/etc/traefik/traefik.yml:ro"]
    text = refused(project, volumes=mounts, **OWN)
    assert "/etc/traefik/traefik.toml may be in the image: Traefik would read it in place of " in text
    assert "--nothing-in /etc/traefik/traefik.toml" in text
    assert init(project, volumes=mounts), "the official image has none"
    named = "--configFile=/etc/traefik/traefik.yml"
    assert init(project, named, volumes=mounts, **OWN), "a flag names the file"
    (project / "conf").mkdir()
    (project / "conf" / "traefik.yml").write_text(STATIC)
    assert init(project, volumes=["./dynamic:/dynamic", "./conf:/etc/traefik"], **OWN), "all of the directory is seen"


def test_static_file_in_a_volume_may_come_first(project: Path) -> None:
    (project / "traefik.yml").write_text(STATIC)
    mounts = ["./dynamic:/dynamic", "data:/etc/traefik", "./traefik.yml:/traefik.yml:ro"]
    assert "/etc/traefik/traefik.toml is in the volume data" in refused(project, volumes=mounts)


@pytest.mark.parametrize(
    "mount",
    [
        {"tmpfs": "/dynamic"},
        {"tmpfs": ["/dynamic:size=1m"]},
        {"volumes": ["./dynamic:/dynamic", {"type": "tmpfs", "target": "/dynamic/sub"}]},
        {"volumes": [{"type": "tmpfs", "target": "/dynamic"}]},
        {"volumes": ["./:/dynamic/.."], "tmpfs": ["/dynamic"]},
    ],
)
def test_tmpfs_over_the_watched_directory_is_said(project: Path, mount: dict[str, Any]) -> None:
    own = {"volumes": [], **mount}
    assert "is in a tmpfs" in refused(project, ENTRYPOINT, FILES, **own)


def test_mounts_of_another_service_are_read(project: Path) -> None:
    """The directory that Traefik watches is mounted by the shop; its own mounts go before those."""
    (project / "dynamic" / "auth.yml").write_text(TEMPLATE)
    other = {"volumes": [], "volumes_from": ["files:ro"]}
    text = refused(
        project, ENTRYPOINT, FILES, others={"files": {"image": "x", "volumes": ["./dynamic:/dynamic"]}}, **other
    )
    assert "/dynamic/auth.yml (dynamic/auth.yml here) is a Go template" in text


@pytest.mark.parametrize("entry", ["container:files", "container:files:ro"])
def test_mounts_of_a_foreign_container_are_said(project: Path, entry: str) -> None:
    text = refused(project, ENTRYPOINT, FILES, volumes_from=[entry])
    assert f"volumes_from: {entry} has mounts that the Compose file does not say" in text
    given = Answers((f"volumes_from: {entry}",))
    assert init(project, ENTRYPOINT, FILES, volumes_from=[entry], given=given)
