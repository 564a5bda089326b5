from pathlib import Path, PurePosixPath

from app.cli.init.project.compose_file import Project
from app.cli.init.project.mounts import mounts
from app.cli.init.traefik.dynamic_files import Dynamic, read_dynamic
from app.cli.init.traefik.static_config import static_config


def read(directory: Path, *command: str) -> Dynamic:
    service = {"command": list(command), "volumes": ["./live:/etc/traefik/dynamic"]}
    project = Project(directory, "compose.yaml", {"services": {"t": service}}, resolved=False)
    every = mounts(project, service)
    return read_dynamic(project, static_config(service, every), every)


def test_every_file_traefik_loads_is_read(tmp_path: Path) -> None:
    (tmp_path / "live" / "more").mkdir(parents=True)
    for name in ("a.yml", "more/b.YAML", "more/readme.md"):
        (tmp_path / "live" / name).write_text("http: {}\n")
    (tmp_path / "live" / "c.toml").write_text("[http]\n")
    (tmp_path / "live" / "template.yml").write_text("{{ range . }}\n- {{ .x }: [\n")
    found = read(tmp_path, "--providers.file.directory=/etc/traefik/dynamic")
    assert list(found.documents) == ["live/a.yml", "live/c.toml", "live/more/b.YAML"]
    assert found.unreadable == ("live/template.yml",)
    assert (found.watched, found.inside) == (tmp_path / "live", PurePosixPath("/etc/traefik/dynamic"))


def test_single_file_is_watched_in_its_directory(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    for name in ("a.yml", "b.yml"):
        (tmp_path / "live" / name).write_text("http: {}\n")
    found = read(tmp_path, "--providers.file.filename=/etc/traefik/dynamic/a.yml")
    assert (list(found.documents), found.single) == (["live/a.yml"], True)
    assert (found.place, found.watched) == (tmp_path / "live" / "a.yml", tmp_path / "live")


def test_missing_directory_has_no_file(tmp_path: Path) -> None:
    missing = read(tmp_path, "--providers.file.directory=/etc/traefik/dynamic")
    assert (missing.documents, missing.watched) == ({}, tmp_path / "live")
    assert read(tmp_path, "--providers.file.directory=/elsewhere").place is None
    assert read(tmp_path, "--providers.docker=true") == Dynamic()
