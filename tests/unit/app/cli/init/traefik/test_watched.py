from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from app.cli.init.notes import Notes
from app.cli.init.project.compose_file import Project
from app.cli.init.project.mounts import Mount
from app.cli.init.traefik.additions import additions
from app.cli.init.traefik.advice import advise
from app.cli.init.traefik.dynamic.dynamic_files import Dynamic
from app.cli.init.traefik.dynamic.routes import FoundRoute
from app.cli.init.traefik.dynamic.watched import say_where
from app.cli.init.traefik.static.static_config import Form, StaticConfig
from tests.examples import a_stack
from workers.adapters.traefik.route_file import RouteFile

OURS: dict[str, Any] = {"http": {"routers": {"r": {"service": "s"}}, "services": {"s": {"loadBalancer": {}}}}}
INSIDE = PurePosixPath("/etc/traefik/dynamic")


def merged(one: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Both, also below the keys that both have."""
    both = {key: merged(one[key], more[key]) for key in one.keys() & more.keys()}
    return {**one, **more, **both}


def notes_for(directory: Path, dynamic: Dynamic, *files: str) -> Notes:
    notes = Notes()
    project = Project(directory, "compose.yaml", {"name": "shop"}, resolved=False)
    routers = [FoundRoute(f"router r in {file}", "r", (), file=file) for file in files]
    say_where(project, "traefik", dynamic, routers, notes)
    return notes


def test_advice_names_an_unmounted_parent(tmp_path: Path) -> None:
    watched = tmp_path / "routes" / "live"
    watched.mkdir(parents=True)
    parent = notes_for(tmp_path, Dynamic(INSIDE, place=watched, mount=Mount(INSIDE.parent, watched.parent)))
    assert parent.following == [
        f"Set UPDATER_TRAEFIK_DYNAMIC_PATH={watched} for the worker.",
        f"The worker stages its file in {watched.parent}: allow it to write there and in {watched}.",
    ]
    itself = notes_for(tmp_path, Dynamic(INSIDE, place=watched, mount=Mount(INSIDE, watched)))
    assert itself.following[2:] == [
        "traefik mounts the watched directory itself, which is enough for Traefik. The worker needs its parent: mount "
        f"{watched.parent} into the worker's container, not {watched}."
    ]


def test_missing_or_shared_directory_is_reported(tmp_path: Path) -> None:
    lines = notes_for(tmp_path, Dynamic(INSIDE, place=tmp_path / "live")).following
    assert f"Create {tmp_path / 'live'} before traefik starts" in lines[2]
    assert f"Move {tmp_path / 'live'} one level down: {tmp_path} is the live directory" in lines[3]


def test_single_file_mount_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "routes" / "r.yml"
    file.parent.mkdir()
    inside = INSIDE / "r.yml"
    notes = notes_for(tmp_path, Dynamic(inside, single=True, place=file, mount=Mount(inside, file)), "routes/r.yml")
    assert notes.following[0] == f"Set UPDATER_TRAEFIK_DYNAMIC_PATH={file} for the worker."
    assert f"traefik mounts a single file and misses every rename: mount {file.parent}" in notes.following[2]
    assert notes.check == []


def test_volume_or_missing_mount_is_reported(tmp_path: Path) -> None:
    volume = notes_for(tmp_path, Dynamic(INSIDE, mount=Mount(INSIDE, None, "routes"))).following
    assert volume[0] == f"{INSIDE} of traefik is in the volume routes: mount its parent into the worker too."
    assert "is not mounted" in notes_for(tmp_path, Dynamic(INSIDE)).following[0]
    assert notes_for(tmp_path, Dynamic()).following[0] == f"Mount a directory of this host at {INSIDE} of traefik."


def test_other_file_with_our_routers_is_reported(tmp_path: Path) -> None:
    watched = tmp_path / "routes" / "live"
    watched.mkdir(parents=True)
    dynamic = Dynamic(INSIDE, place=watched, documents={"routes/live/old.yml": OURS})
    assert notes_for(tmp_path, dynamic, "routes/live/updater-shop.yml").check == []
    (line,) = notes_for(tmp_path, dynamic, "routes/live/updater-shop.yml", "routes/live/old.yml").check
    assert line.endswith(f"set UPDATER_TRAEFIK_DYNAMIC_PATH={watched / 'old.yml'}.")


@pytest.mark.parametrize(
    ("more", "other"),
    [
        ({"http": {"routers": {"else": {"service": "e"}}, "services": {"e": {}}}}, "router else, service e"),
        ({"http": {"middlewares": {"auth": {"basicAuth": {}}}}}, "middleware auth"),
        ({"http": {"routers": {"else": {"service": "s"}}}}, "router else, service s"),
        ({"http": {"serversTransports": {"mtls": {}}}}, "serversTransport mtls"),
        ({"tls": {"options": {"default": {}}}}, "tls"),
        ({"tcp": {"routers": {"r": {}}}}, "tcp"),
        (None, "content that cannot be read"),
    ],
)
def test_file_with_other_content_is_not_replaced(tmp_path: Path, more: dict[str, Any] | None, other: str) -> None:
    watched = tmp_path / "routes" / "live"
    watched.mkdir(parents=True)
    file = watched / "old.yml"
    file.touch()
    documents = {} if more is None else {"routes/live/old.yml": merged(OURS, more)}
    (line,) = notes_for(tmp_path, Dynamic(INSIDE, place=watched, documents=documents), "routes/live/old.yml").check
    assert f"routes/live/old.yml also has {other}: copy only its routers r" in line
    single = Dynamic(INSIDE / "old.yml", single=True, place=file, documents=documents)
    first = notes_for(tmp_path, single, "routes/live/old.yml").following[0]
    assert f"watches the single file {file}, which also has {other}. The worker would replace" in first
    assert "UPDATER_TRAEFIK_DYNAMIC_PATH=" not in line + first


def accepted(line: str, project: str = "shop") -> Path:
    """The route file that `line` proposes, after the worker's own check of it."""
    path = Path(line.partition("UPDATER_TRAEFIK_DYNAMIC_PATH=")[2].split()[0].rstrip("."))
    route = RouteFile(path, a_stack(project=project))
    route.check()
    return route.file


@pytest.mark.parametrize("name", ["r.toml", "R.TOML"])
@pytest.mark.parametrize("single", [False, True])
def test_proposed_file_beside_toml_is_accepted(tmp_path: Path, name: str, single: bool) -> None:
    watched = tmp_path / "routes" / "live"
    watched.mkdir(parents=True)
    (watched / name).touch()
    file, place = f"routes/live/{name}", watched / name if single else watched
    dynamic = Dynamic(INSIDE, single=single, place=place, documents={file: OURS})
    found = notes_for(tmp_path, dynamic, file)
    line = found.following[0] if single else found.check[0]
    assert accepted(line) == (watched / name).with_suffix(".yml")
    assert "moves" in line
    assert ".updater-staging" in line
    (watched / name).with_suffix(".yml").touch()
    again = notes_for(tmp_path, dynamic, file)
    assert accepted(again.following[0] if single else again.check[0]) == watched / "updater-shop.yml"


def test_file_below_the_watched_directory_is_not_proposed(tmp_path: Path) -> None:
    """The worker stages beside the directory of its file, which would be inside the watched one."""
    watched = tmp_path / "routes" / "live"
    (watched / "sub").mkdir(parents=True)
    dynamic = Dynamic(INSIDE, place=watched, documents={"routes/live/sub/r.yml": OURS})
    (line,) = notes_for(tmp_path, dynamic, "routes/live/sub/r.yml").check
    assert accepted(line) == watched / "updater-shop.yml"


def test_routers_of_toml_are_copied_as_yaml(tmp_path: Path) -> None:
    watched = tmp_path / "routes" / "live"
    watched.mkdir(parents=True)
    documents = {"routes/live/r.toml": merged(OURS, {"tls": {"options": {"default": {}}}})}
    (line,) = notes_for(tmp_path, Dynamic(INSIDE, place=watched, documents=documents), "routes/live/r.toml").check
    assert f"to {watched / 'updater-shop.yml'}, as YAML, then" in line


def test_ignored_traefik_settings_are_reported() -> None:
    notes = Notes()
    inside, why = PurePosixPath("/etc/traefik/traefik.toml"), "is not valid TOML"
    config = StaticConfig(Form.FILE, file=Path("/srv/traefik.toml"), ignored=True, unread=True, inside=inside, why=why)
    advise("proxy", config, additions(config), notes)
    assert notes.traefik[0] == "Add to Traefik's static file /srv/traefik.toml, and recreate proxy:"
    assert "  [entryPoints.metrics]" in notes.traefik
    assert [line.partition(":")[0] for line in notes.check] == [
        "proxy has flags and the static file /srv/traefik.toml",
        "proxy reads /etc/traefik/traefik.toml, which is not valid TOML",
    ]
