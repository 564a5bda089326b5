import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.demo.environment import tree_of
from deploy.demo.own_stack import ingress
from deploy.demo.own_stack.beside import Beside, compose_model
from deploy.demo.own_stack.place import Asked, make_live, model_of, read
from deploy.demo.own_stack.refusal import NotPlayable
from tests.unit.demo.own_stack.stacks import COMPOSE, content, git, repository
from workers.adapters.docker_host.compose.program import find_compose


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "place"
    place.mkdir()
    return place


def asked(directory: Path) -> Asked:
    return Asked(directory / "stack.yml", directory)


def test_user_s_repository_is_only_read(tmp_path: Path, place: Path) -> None:
    own = repository(tmp_path / "own", "v1.0.0", "v1.1.0")
    before = tree_of(own)
    given = read(asked(own), place)
    copied = make_live(given, given.tags.before, place / "live")
    assert (place / "live" / "VERSION").read_text() == "v1.0.0"
    assert copied.copied == ["app.env"]
    assert set(model_of(given, given.stack, given.tags.before, place / "live")["services"]) == {"web", "db"}
    assert tree_of(own) == before


def test_compose_accepts_what_runs_beside(tmp_path: Path, place: Path) -> None:
    given = read(asked(repository(tmp_path / "own", "v1.0.0")), place)
    make_live(given, "v1.0.0", place / "live")
    model = model_of(given, given.stack, "v1.0.0", place / "live")
    traefik = ingress.service(given.stack, "traefik:v3", str(place), {"web": 1001}, 1002)
    (place / "beside.json").write_text(json.dumps(compose_model(model, given.stack, Beside(("db",), {}), traefik)))
    command = [*find_compose(), "--file", str(place / "beside.json"), "config", "--services"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    assert set(done.stdout.split()) == {"db", ingress.SERVICE}


def test_only_release_is_tagged_again_in_the_clone_alone(tmp_path: Path, place: Path) -> None:
    own = repository(tmp_path / "own", "v1.0.0")
    given = read(asked(own), place)
    assert git(given.clone, "tag", "--list").split() == ["v1.0.0", "v1.0.1"]
    assert git(given.clone, "rev-parse", "v1.0.0^{tree}") == git(given.clone, "rev-parse", "v1.0.1^{tree}")
    assert git(given.clone, "rev-parse", "v1.0.0") != git(given.clone, "rev-parse", "v1.0.1")
    assert git(own, "tag", "--list").split() == ["v1.0.0"]


def test_bare_repository_has_no_files_of_a_host(tmp_path: Path, place: Path) -> None:
    own = repository(tmp_path / "own", "v1.0.0")
    git(own, "clone", "--quiet", "--bare", str(own), str(tmp_path / "bare"))
    given = read(Asked(own / "stack.yml", tmp_path / "bare"), place)
    assert given.host is None


def test_directory_of_the_stack_file_comes_before_the_work_tree(tmp_path: Path, place: Path) -> None:
    host = tmp_path / "host"
    host.mkdir()
    own = repository(tmp_path / "own", "v1.0.0", stack_file=content(directory=str(host)))
    assert read(asked(own), place).host == host


def acting(directory: Path) -> dict[str, Any]:
    return content(directory=str(directory), singletons={"bot": {"service": "bot"}})


def test_bot_does_not_run_twice_with_the_host_s_values(tmp_path: Path, place: Path) -> None:
    host = tmp_path / "host"
    host.mkdir()
    own = repository(tmp_path / "own", "v1.0.0", stack_file=acting(host))
    with pytest.raises(NotPlayable, match=r"act a second time.* bot \(singleton\).*--directory"):
        read(asked(own), place)


def test_naming_the_directory_accepts_its_values(tmp_path: Path, place: Path) -> None:
    host = tmp_path / "host"
    host.mkdir()
    own = repository(tmp_path / "own", "v1.0.0", stack_file=acting(host))
    assert read(Asked(own / "stack.yml", own, directory=host), place).host == host


def test_wrong_stack_file_is_refused_in_the_updater_s_words(tmp_path: Path, place: Path) -> None:
    own = repository(tmp_path / "own", "v1.0.0", stack_file=content(projekt="x"))
    with pytest.raises(NotPlayable, match="projekt"):
        read(asked(own), place)


def test_directory_without_git_is_refused_in_git_s_words(tmp_path: Path, place: Path) -> None:
    (tmp_path / "stack.yml").write_text(yaml.safe_dump(content()))
    with pytest.raises(NotPlayable, match="not a git repository"):
        read(Asked(tmp_path / "stack.yml", tmp_path), place)


def test_invalid_compose_file_is_refused_in_compose_s_words(tmp_path: Path, place: Path) -> None:
    wrong = {**COMPOSE, "services": {"web": {"imagee": "web"}}}
    own = repository(tmp_path / "own", "v1.0.0", compose=wrong)
    given = read(asked(own), place)
    make_live(given, "v1.0.0", place / "live")
    with pytest.raises(NotPlayable, match="imagee"):
        model_of(given, given.stack, "v1.0.0", place / "live")


def test_paths_are_relative_to_where_the_command_was_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_CALLED_FROM", str(tmp_path))
    found = Asked(Path("shop/stack.yml"), Path("shop"), directory=Path("/srv/shop")).where_called()
    assert found == Asked(tmp_path / "shop/stack.yml", tmp_path / "shop", directory=Path("/srv/shop"))
