"""The state of a stack in a swarm, moved from one manager to another."""

import io
import stat
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.config.locations import lease_beside
from app.config.settings import WorkerSettings
from app.domain.errors import StateNotMoved
from app.domain.stack import EngineKind
from app.domain.state import State
from tests.examples import a_live, a_rollout, a_stack, sha_of
from workers.adapters.disk.journal import FileJournal
from workers.adapters.disk.lease import Lease
from workers.adapters.disk.state_archive import MANIFEST, STATE, install, unpacked
from workers.moved_state import export_state, import_state

SWARM = a_stack(engine=EngineKind.SWARM, registry="registry.example.org/team")
DEFINITION = f"releases/{sha_of('v1.0.0')}/compose.json"
FILES = {
    DEFINITION: b'{"services": {}}',
    f"releases/{sha_of('v1.0.0')}/adopted.json": b"{}",
    "history.jsonl": b"{}\n",
    "marks.key": b"key",
    "github.json": b"{}",
}
LEFT = {"logs/r-1.log": b"log", "git/mirror.git/HEAD": b"ref", "releases/current/compose.json": b"{}"}


def manager(directory: Path, **change: str) -> WorkerSettings:
    """The settings of a worker whose data is in `directory`, which another machine has under the same path."""
    return WorkerSettings.from_environ(
        {
            "REDIS_URL": "redis://redis",
            "UPDATER_DATA_DIR": str(directory),
            "UPDATER_TRAEFIK_DYNAMIC_PATH": "/routes",
            **change,
        }
    )


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """The data of a worker that has brought a release live."""
    directory = tmp_path / "data"
    for name, content in {**FILES, **LEFT}.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    state = State(epoch=4, current=a_live("v1.0.0"), last_good_tag="v1.0.0", decided=("1:v1.0.0",))
    await FileJournal(directory / "updater-state.json").update(lambda _: state)
    return directory


def moved_away(data: Path) -> Path:
    """What the other manager has: the same path, empty."""
    return data.rename(data.with_name("other-machine"))


async def test_state_goes_on_at_another_manager(data: Path, tmp_path: Path) -> None:
    file, settings = tmp_path / "state.tgz", manager(data)
    before = FileJournal(settings.journal_path).load()
    await export_state(settings, SWARM, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    left = FileJournal(settings.journal_path).load()
    assert left.paused
    assert "Unpause only if no other worker has imported it" in str(left.pause_reason)
    moved_away(data)
    await import_state(settings, SWARM, file)
    assert FileJournal(settings.journal_path).load() == before
    assert {name: (data / name).read_bytes() for name in FILES} == FILES
    assert stat.S_IMODE((data / DEFINITION).stat().st_mode) == 0o600
    assert not [name for name in LEFT if (data / name).exists()]


async def test_running_worker_keeps_its_state(data: Path, tmp_path: Path) -> None:
    settings, file = manager(data), tmp_path / "state.tgz"
    async with Lease(lease_beside(settings.journal_path)).held():
        with pytest.raises(StateNotMoved, match="Stop it first"):
            await export_state(settings, SWARM, file)
    assert not file.exists()
    assert not FileJournal(settings.journal_path).load().paused


@pytest.mark.parametrize("state", [State(rollout=a_rollout()), None], ids=["rollout", "none"])
async def test_only_a_finished_state_is_exported(data: Path, tmp_path: Path, state: State | None) -> None:
    settings = manager(data)
    settings.journal_path.unlink()
    if state is not None:
        await FileJournal(settings.journal_path).update(lambda _: state)
    with pytest.raises(StateNotMoved, match=r"has not ended|there is no state"):
        await export_state(settings, SWARM, tmp_path / "state.tgz")
    assert not (tmp_path / "state.tgz").exists()


async def test_export_that_cannot_be_written_pauses_nothing(data: Path, tmp_path: Path) -> None:
    settings = manager(data)
    with pytest.raises(StateNotMoved, match="cannot be written"):
        await export_state(settings, SWARM, tmp_path / "missing" / "state.tgz")
    (tmp_path / "state.tgz").write_text("an older one")
    with pytest.raises(StateNotMoved, match="exists"):
        await export_state(settings, SWARM, tmp_path / "state.tgz")
    assert not FileJournal(settings.journal_path).load().paused


async def test_state_of_one_host_stays_there(data: Path, tmp_path: Path) -> None:
    for move in (export_state, import_state):
        with pytest.raises(StateNotMoved, match="engine: compose"):
            await move(manager(data), a_stack(), tmp_path / "state.tgz")


async def test_existing_state_is_never_replaced(data: Path, tmp_path: Path) -> None:
    settings, file = manager(data), tmp_path / "state.tgz"
    await export_state(settings, SWARM, file)
    content = settings.journal_path.read_bytes()
    with pytest.raises(StateNotMoved, match="this worker has a state"):
        await import_state(settings, SWARM, file)
    assert settings.journal_path.read_bytes() == content


@pytest.mark.parametrize(
    ("change", "named"),
    [({"project": "other"}, "project is shop in the archive"), ({"directory": "/opt/shop"}, "directory is /srv/shop")],
)
async def test_state_of_another_stack_is_refused(
    data: Path, tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    file = tmp_path / "state.tgz"
    await export_state(manager(data), SWARM, file)
    moved_away(data)
    with pytest.raises(StateNotMoved, match=named):
        await import_state(manager(data), replace(SWARM, **change), file)
    with pytest.raises(StateNotMoved, match="UPDATER_DATA_DIR is"):
        await import_state(manager(tmp_path / "elsewhere"), SWARM, file)
    assert "data" not in in_directory(tmp_path)


async def test_import_that_was_cut_off_can_be_repeated(data: Path, tmp_path: Path) -> None:
    """The state is written last."""
    settings, file = manager(data), tmp_path / "state.tgz"
    await export_state(settings, SWARM, file)
    moved_away(data)
    _, files = unpacked(file.read_bytes())
    with pytest.raises(KeyError):
        install({name: content for name, content in files.items() if name != STATE}, data, settings.journal_path)
    assert (data / DEFINITION).exists()
    await import_state(settings, SWARM, file)
    assert settings.journal_path.exists()


@pytest.mark.parametrize(
    "name", ["../evil.json", "/etc/evil.json", "releases/current/compose.json", "data.json", "releases/x/../../evil"]
)
async def test_archive_with_other_files_is_refused(data: Path, tmp_path: Path, name: str) -> None:
    file = tmp_path / "state.tgz"
    await export_state(manager(data), SWARM, file)
    moved_away(data)
    changed = with_file(file.read_bytes(), name)
    file.write_bytes(changed)
    with pytest.raises(StateNotMoved, match="is not part of a state"):
        await import_state(manager(data), SWARM, file)
    assert "data" not in in_directory(tmp_path)


@pytest.mark.parametrize("content", [b"", b"text", b"\x1f\x8b damaged"])
async def test_damaged_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state.tgz").write_bytes(content)
    with pytest.raises(StateNotMoved, match="the archive cannot be read"):
        await import_state(manager(tmp_path / "data"), SWARM, tmp_path / "state.tgz")


def in_directory(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def with_file(archive: bytes, name: str) -> bytes:
    """The archive with one more file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as before, tarfile.open(fileobj=out, mode="w:gz") as after:
        assert MANIFEST in before.getnames()
        for entry in before:
            after.addfile(entry, before.extractfile(entry))
        added = tarfile.TarInfo(name)
        added.size = 2
        after.addfile(added, io.BytesIO(b"{}"))
    return out.getvalue()
