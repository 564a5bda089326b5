from pathlib import Path

import pytest

from workers.definition.refusals.places import Places

PLACES = Places(live="/srv/shop", tree="/data/git/trees/abc", data="/data", resolve=lambda path: path)
NETWORK = "f" * 12 + "0" * 52


@pytest.mark.parametrize(
    "path",
    ["/srv/shop", "/srv/shop/data", "/srv/shop/./a/../data/", "/data/git/trees/abc", "/data/git/trees/abc/config"],
)
def test_live_directory_and_worktree_are_inside(path: str) -> None:
    assert not PLACES.outside(path)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/srv",
        "/srv/shopping",
        "/srv/shop/../other",
        "//etc",
        "/etc/passwd",
        "/data",
        "/data/releases/abc/compose.json",
        "/data/git/trees/another",
        "relative",
        "",
    ],
)
def test_everything_else_is_outside(path: str) -> None:
    assert PLACES.outside(path)


def test_updaters_data_is_outside_even_below_the_live_directory() -> None:
    places = Places(live="/srv", tree="/srv/updater/git/trees/abc", data="/srv/updater", resolve=lambda path: path)
    assert not places.outside("/srv/shop")
    assert not places.outside("/srv/updater/git/trees/abc/config")
    for path in ("/srv/updater", "/srv/updater/releases", "/srv", "/srv/shop/../updater/updater-state.json"):
        assert places.outside(path), path


def test_live_directory_may_be_below_the_updaters_data() -> None:
    places = Places(live="/srv/live", tree="/srv/trees/abc", data="/srv", resolve=lambda path: path)
    assert not places.outside("/srv/live/data")
    assert not places.outside("/srv/trees/abc")
    for path in ("/srv", "/srv/releases", "/srv/trees"):
        assert places.outside(path), path


def test_links_are_followed(tmp_path: Path) -> None:
    live, elsewhere = tmp_path / "live", tmp_path / "elsewhere"
    (live / "data").mkdir(parents=True)
    elsewhere.mkdir()
    (live / "link").symlink_to(elsewhere)
    (live / "own").symlink_to("data")
    (live / "deep").symlink_to(elsewhere / "missing")
    places = Places(str(live), str(tmp_path / "data" / "tree"), str(tmp_path / "data"))
    assert not places.outside(f"{live}/own/x")
    for path in ("link", "link/x", "deep", "own/../../elsewhere", "data/../link"):
        assert places.outside(f"{live}/{path}"), path


def test_live_directory_may_itself_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk" / "shop").mkdir(parents=True)
    (tmp_path / "srv").symlink_to(tmp_path / "disk")
    places = Places(f"{tmp_path}/srv/shop", "/trees/abc", "/trees")
    assert not places.outside(f"{tmp_path}/srv/shop/data")
    assert not places.outside(f"{tmp_path}/disk/shop/data")


@pytest.mark.parametrize(
    "path",
    [
        "/var/run/docker.sock",
        "//var//run/./docker.sock",
        "/run/docker.sock/",
        "/srv/shop/../../run/docker.sock",
        "/run",
        "/var/run/",
        "/",
        "/run/containerd",
        "/proc/1/root/run/docker.sock",
        "/proc/self/fd/7",
    ],
)
def test_socket_is_found_under_any_spelling(path: str) -> None:
    assert PLACES.reaches_socket(path)


@pytest.mark.parametrize(
    "path", ["/run/docker.sock.old", "/run/shop", "/srv/shop/run", "/proc/sys/net", "/proc/meminfo"]
)
def test_other_paths_reach_no_socket(path: str) -> None:
    assert not PLACES.reaches_socket(path)


def test_socket_is_found_behind_links(tmp_path: Path) -> None:
    engine, live = tmp_path / "engine", tmp_path / "live"
    engine.mkdir()
    live.mkdir()
    (engine / "docker.sock").touch()
    (live / "link").symlink_to(engine / "docker.sock")
    (live / "directory").symlink_to(engine)
    places = Places(str(live), "/trees/abc", "/trees", sockets=[str(engine / "docker.sock")])
    assert places.reaches_socket(f"{live}/link")
    assert places.reaches_socket(f"{live}/directory")
    assert places.reaches_socket(str(tmp_path))
    assert not places.reaches_socket(str(live))


def test_socket_may_itself_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.sock").touch()
    (tmp_path / "docker.sock").symlink_to(tmp_path / "real.sock")
    places = Places("/srv/shop", "/trees/abc", "/trees", sockets=[str(tmp_path / "docker.sock")])
    assert places.reaches_socket(str(tmp_path / "real.sock"))


@pytest.mark.parametrize(
    ("network", "same"), [("engine", True), (NETWORK, True), (NETWORK[:12], True), ("engines", False), ("", False)]
)
def test_network_is_known_by_name_and_id(network: str, same: bool) -> None:
    places = Places("/srv/shop", "/trees/abc", "/trees", engine_networks={"engine", NETWORK})
    assert places.is_engines(network) is same
