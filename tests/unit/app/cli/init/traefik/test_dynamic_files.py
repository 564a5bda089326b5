import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from app.cli.init.project.compose_file import Project
from app.cli.init.project.mounts import mounts
from app.cli.init.traefik.dynamic.dynamic_files import MOST_FILES, Dynamic, read_dynamic
from app.cli.init.traefik.static.config_file import MOST_BYTES
from app.cli.init.traefik.static.static_config import static_config
from app.cli.init.traefik.static.unread import Unread

INSIDE = "/etc/traefik/dynamic"
NO_COPIES: dict[PurePosixPath, Path] = {}
DIRECTORY = f"--providers.file.directory={INSIDE}"


def read(directory: Path, *command: str, copies: Mapping[PurePosixPath, Path] = NO_COPIES, **more: Any) -> Dynamic:
    service = {"image": "traefik:v3", "command": list(command), "volumes": [f"./live:{INSIDE}"], **more}
    configs = {"inline": {"content": "http: {}"}, "file": {"file": "./live/a.yml"}}
    project = Project(directory, "compose.yaml", {"services": {"t": service}, "configs": configs}, resolved=False)
    every = mounts(project, service)
    return read_dynamic(project, service, static_config(service, every), every, copies)


def unread(found: Dynamic) -> dict[str, str]:
    return {each.name: each.why for each in found.unread}


def test_every_file_traefik_loads_is_read(tmp_path: Path) -> None:
    (tmp_path / "live" / "more").mkdir(parents=True)
    for name in ("a.yml", "more/b.YAML", "more/readme.md"):
        (tmp_path / "live" / name).write_text("http: {}\n")
    (tmp_path / "live" / "c.toml").write_text("[http]\n")
    (tmp_path / "live" / "two.yml").write_text("http: {}\n---\n[\n")
    found = read(tmp_path, DIRECTORY)
    assert list(found.documents) == ["live/a.yml", "live/c.toml", "live/more/b.YAML", "live/two.yml"]
    assert (found.watched, found.inside, found.unread) == (tmp_path / "live", PurePosixPath(INSIDE), ())


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.yml", b"http: [\n", "is not valid YAML (line 2)"),
        ("a.yaml", b"http: {password: secret\n", "is not valid YAML (line 2)"),
        ("a.toml", b"[http\n", "is not valid TOML"),
        ("a.yml", b"http: \xff\n", "is not UTF-8 text"),
        ("a.yml", b"- http\n", "is not a mapping"),
        ("a.yml", b"[" * 1_000, "is not valid YAML"),
        ("a.yml", b'http: {routers: {a: {rule: "{{ env `X` }}"}}}\n', "is a Go template, which only Traefik renders"),
        ("a.yml", b"http: {}\n#" + b"x" * MOST_BYTES, "is larger than 1024 KiB"),
    ],
)
def test_unreadable_file_is_named_with_the_reason(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / name).write_bytes(content)
    for option in (DIRECTORY, f"--providers.file.filename={INSIDE}/{name}"):
        (found,) = read(tmp_path, option).unread
        assert found == Unread(f"{INSIDE}/{name}", why, f"live/{name}")


def test_links_out_of_the_mount_and_special_files_are_unread(tmp_path: Path) -> None:
    (tmp_path / "live" / "data").mkdir(parents=True)
    (tmp_path / "other.yml").write_text("http: {}\n")
    live = tmp_path / "live"
    (live / "data" / "real.yml").write_text("http: {}\n")
    (live / "in.yml").symlink_to("data/real.yml")
    (live / "out.yml").symlink_to(tmp_path / "other.yml")
    (live / "gone.yml").symlink_to("nowhere.yml")
    (live / "circle.yml").symlink_to("circle.yml")
    (live / "linked").symlink_to("data")
    (live / "directory.yml").symlink_to("data")
    os.mkfifo(live / "pipe.yml")
    found = read(tmp_path, DIRECTORY)
    assert list(found.documents) == ["live/data/real.yml", "live/in.yml"]
    assert unread(found) == {
        f"{INSIDE}/circle.yml": "cannot be read (Too many levels of symbolic links)",
        f"{INSIDE}/directory.yml": "is not a regular file",
        f"{INSIDE}/gone.yml": "does not exist on this machine",
        f"{INSIDE}/out.yml": "is a symbolic link that leads out of the mounted directory",
        f"{INSIDE}/pipe.yml": "is not a regular file",
    }


def test_mounts_inside_the_watched_directory_are_read(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "a.yml").write_text("http: {}\n")
    (tmp_path / "auth.yml").write_text("http: {}\n")
    single: dict[str, Any] = {"volumes": [f"./auth.yml:{INSIDE}/auth.yml", f"./live:{INSIDE}/sub/live"]}
    found = read(tmp_path, DIRECTORY, **single)
    assert (list(found.documents), found.unread) == (["auth.yml", "live/a.yml"], ())
    nested: dict[str, Any] = {
        "volumes": [f"./live:{INSIDE}", f"./gone.yml:{INSIDE}/b.yml", f"vol:{INSIDE}/vol", f"./no:{INSIDE}/no"]
    }
    found = read(tmp_path, DIRECTORY, configs=[{"source": "inline", "target": f"{INSIDE}/in.yml"}], **nested)
    assert list(found.documents) == ["live/a.yml"]
    assert unread(found) == {
        f"{INSIDE}/b.yml": "does not exist on this machine",
        f"{INSIDE}/in.yml": "is in configs/inline of the Compose file, which is not on this machine's disk",
        f"{INSIDE}/no": f"is mounted from {tmp_path}/no, which does not exist on this machine",
        f"{INSIDE}/vol": "is in the volume vol, which is not on this machine's disk",
    }


def test_relative_path_is_placed_if_the_directory_is_known(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "a.yml").write_text("http: {}\n")
    relative = "--providers.file.directory=x/../etc/traefik/dynamic"
    assert list(read(tmp_path, relative).documents) == ["live/a.yml"]
    there: dict[str, Any] = {"build": ".", "working_dir": "/etc/traefik"}
    assert list(read(tmp_path, "--providers.file.directory=./dynamic", **there).documents) == ["live/a.yml"]
    images: tuple[dict[str, Any], ...] = ({"build": "."}, {"image": "example.org/proxy:1"})
    for image in images:
        why = "is relative to the image's own directory, which is unknown here: write the whole path"
        assert unread(read(tmp_path, relative, **image)) == {"x/../etc/traefik/dynamic": why}


def test_copy_is_read_in_place_of_what_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "a.yml").write_text("{{ template }}")
    (tmp_path / "copy.yml").write_text("http: {routers: {}}\n")
    copies = {PurePosixPath(INSIDE, "a.yml"): tmp_path / "copy.yml"}
    found = read(tmp_path, DIRECTORY, copies=copies)
    assert (found.documents, found.unread) == ({"live/a.yml": {"http": {"routers": {}}}}, ())
    whole = read(tmp_path, DIRECTORY, copies={PurePosixPath(INSIDE): tmp_path}, volumes=[f"routes:{INSIDE}"])
    assert (list(whole.documents), whole.place) == ([f"{INSIDE}/copy.yml"], None)


def test_single_file_is_watched_in_its_directory(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    for name in ("a.yml", "b.yml"):
        (tmp_path / "live" / name).write_text("http: {}\n")
    found = read(tmp_path, "--providers.file.filename=/etc/traefik/dynamic/a.yml")
    assert (list(found.documents), found.single) == (["live/a.yml"], True)
    assert (found.place, found.watched) == (tmp_path / "live" / "a.yml", tmp_path / "live")


def test_directory_that_is_not_on_this_machine_is_unread(tmp_path: Path) -> None:
    missing = read(tmp_path, DIRECTORY)
    assert (missing.documents, missing.watched) == ({}, tmp_path / "live")
    assert unread(missing) == {INSIDE: "does not exist on this machine"}
    (tmp_path / "live").write_text("a file\n")
    assert unread(read(tmp_path, DIRECTORY)) == {INSIDE: "cannot be read (Not a directory)"}
    elsewhere = read(tmp_path, "--providers.file.directory=/elsewhere")
    assert (elsewhere.place, unread(elsewhere)) == (None, {"/elsewhere": "is not mounted from this machine"})
    single = read(tmp_path, "--providers.file.filename=/elsewhere.yml")
    assert unread(single) == {"/elsewhere.yml": "is not mounted from this machine"}
    assert read(tmp_path, "--providers.docker=true") == Dynamic()


def test_directory_with_too_many_files_is_unread(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    for number in range(MOST_FILES + 1):
        (tmp_path / "live" / f"{number}.yml").touch()
    found = read(tmp_path, DIRECTORY)
    assert (len(found.documents), unread(found)) == (MOST_FILES, {INSIDE: f"has more than {MOST_FILES} files"})
