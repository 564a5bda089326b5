# ruff: noqa: ASYNC240 - a test may block
import contextlib
import ctypes
import os
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.domain.errors import RouteNotConfirmed, SettingsInvalid, StaleWorker
from app.domain.stack import Color
from tests.examples import a_stack
from workers.adapters.traefik.route_file import STAGING_NAME, RouteFile, file_name
from workers.routing import route_file

STACK = a_stack()
FILE_NAME = file_name(STACK)

IN_MOVED_TO = 0x80
IN_CHANGES = 0x2 | 0x8 | 0x40 | IN_MOVED_TO | 0x100 | 0x200
"""Modified, closed after writing, moved away, moved in, created, deleted."""


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    watched = tmp_path / "dynamic"
    watched.mkdir()
    return watched


async def test_a_flip_installs_the_route_file(watched: Path) -> None:
    await RouteFile(watched, STACK).flip(Color.GREEN, "r-1")
    file = watched / FILE_NAME
    assert file.read_text() == route_file.render(STACK, Color.GREEN, "r-1")
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


async def test_stale_worker_changes_no_file(watched: Path) -> None:
    """It became stale after its last check, for example while it waited for a thread."""

    def stale() -> None:
        raise StaleWorker("another worker has taken over")

    await RouteFile(watched, STACK).flip(Color.GREEN, "r-1")
    before = await RouteFile(watched, STACK).files()
    late = RouteFile(watched, STACK, fence=stale)
    for call in (late.flip(Color.BLUE, "r-2"), late.clear(), late.restore({}), late.set_aside(FILE_NAME)):
        with pytest.raises(StaleWorker):
            await call
    assert await late.files() == before


async def test_worker_replaced_during_its_write_changes_no_file(watched: Path) -> None:
    """Another worker takes over while this one writes the new content to disk, which may take long."""

    def replaced() -> None:
        if list((watched.parent / STAGING_NAME).iterdir()):
            raise StaleWorker("another worker has taken over")

    (watched / "other.yml").write_text("http: {}\n")
    await RouteFile(watched, STACK).flip(Color.GREEN, "r-1")
    before = await RouteFile(watched, STACK).files()
    late = RouteFile(watched, STACK, fence=replaced)
    for call in (late.flip(Color.BLUE, "r-2"), late.clear(), late.restore({**before, "other.yml": "tcp: {}\n"})):
        with pytest.raises(StaleWorker):
            await call
    assert await late.files() == before


@pytest.mark.parametrize("name", ["mine.yaml", "MINE.YML"])
async def test_path_can_name_the_file_itself(watched: Path, name: str) -> None:
    await RouteFile(watched / name, STACK).flip(Color.BLUE, "r-1")
    assert [path.name for path in watched.iterdir()] == [name]


async def test_path_can_be_a_directory_named_as_a_file(tmp_path: Path) -> None:
    watched = tmp_path / "routes.yml"
    watched.mkdir()
    await RouteFile(watched, STACK).flip(Color.BLUE, "r-1")
    assert [path.name for path in watched.iterdir()] == [FILE_NAME]


def test_toml_path_is_refused(watched: Path) -> None:
    with pytest.raises(SettingsInvalid, match="is TOML, but the updater writes YAML"):
        RouteFile(watched / "route_file.toml", STACK).check()
    assert list(watched.iterdir()) == []


async def test_the_active_color_is_read_from_the_file(watched: Path) -> None:
    route = RouteFile(watched, STACK)
    assert await route.active() is None
    await route.flip(Color.GREEN, "r-1")
    assert await route.active() is Color.GREEN
    await route.clear()
    assert await route.active() is None
    (watched / FILE_NAME).write_bytes(b"\xff\xfe")
    assert await route.active() is None


async def test_flip_renames_the_file_into_place(watched: Path) -> None:
    route = RouteFile(watched, STACK)
    await route.flip(Color.BLUE, "r-1")
    with (watched / FILE_NAME).open() as reader:
        await route.flip(Color.GREEN, "r-2")
        assert reader.read() == route_file.render(STACK, Color.BLUE, "r-1")


async def test_flip_causes_only_a_rename_event(watched: Path) -> None:
    """Any event in the directory makes Traefik rebuild everything and then sleep for its throttle."""
    route = RouteFile(watched, STACK)
    with inotify(watched) as events:
        for color in (Color.BLUE, Color.GREEN):
            await route.flip(color, "r-1")
            assert events() == [(IN_MOVED_TO, FILE_NAME)]


async def test_unwritable_directory_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(RouteNotConfirmed, match="could not be replaced"):
        await RouteFile(tmp_path / "none", STACK).flip(Color.GREEN, "r-1")


async def test_staging_directory_is_adjacent_and_empty(watched: Path) -> None:
    await RouteFile(watched, STACK).flip(Color.GREEN, "r-1")
    (staging,) = set(watched.parent.iterdir()) - {watched}
    assert list(staging.iterdir()) == []


async def test_file_stands_until_a_byte_changes(watched: Path) -> None:
    route = RouteFile(watched, STACK)
    await route.flip(Color.GREEN, "r-1")
    assert await route.stands(Color.GREEN, "r-1")
    assert not await route.stands(Color.BLUE, "r-1")
    assert not await route.stands(Color.GREEN, "r-2")
    with (watched / FILE_NAME).open("a") as file:
        file.write("# by hand\n")
    assert not await route.stands(Color.GREEN, "r-1")
    assert await route.stands(Color.GREEN, None), "the color has not changed"


@pytest.mark.parametrize("content", [b"", b"http:", b"\xff\xfe", None])
async def test_damaged_or_missing_file_does_not_stand(watched: Path, content: bytes | None) -> None:
    route = RouteFile(watched, STACK)
    await route.flip(Color.GREEN, "r-1")
    (watched / FILE_NAME).unlink() if content is None else (watched / FILE_NAME).write_bytes(content)
    assert not await route.stands(Color.GREEN, "r-1")


async def test_only_conflicting_files_are_strays(
    watched: Path,
) -> None:
    route = RouteFile(watched, STACK)
    await route.flip(Color.GREEN, "r-1")
    (watched / "copy.yml").write_text(route_file.render(STACK, Color.BLUE, "r-0"))
    (watched / "broken.yaml").write_text("http: [")
    (watched / "foreign.yml").write_text("http: {routers: {shop: {rule: Host(`a`), service: shop}}}")
    (watched / "page.yml").write_text("http: {routers: {updater-page: {rule: Host(`b`), service: updater-page}}}")
    (watched / "idle.yml").write_text("http: {Services: {updater.shop.api.blue: {loadBalancer: {}}}}")
    (watched / "template.yml").write_text("http:\n{{ range x }}\n - {{ . }}\n")
    (watched / "empty.yml").write_text("")
    (watched / "notes.txt").write_text("http: [")
    assert await route.strays() == ["broken.yaml", "copy.yml", "idle.yml"]


@pytest.mark.parametrize("name", ["old.yml", "sub/old.toml"])
async def test_file_with_a_stack_router_is_a_stray(watched: Path, name: str) -> None:
    route = RouteFile(watched, STACK)
    await route.flip(Color.GREEN, "r-1")
    (watched / name).parent.mkdir(exist_ok=True)
    (watched / name).write_text(OLD_TOML if name.endswith("toml") else OLD_YAML)
    assert await route.strays() == [name]
    assert name in await route.files()
    await route.set_aside(name)
    assert await route.strays() == []


async def test_a_stray_is_set_aside_and_kept(watched: Path) -> None:
    route = RouteFile(watched, STACK)
    (watched / "copy.yml").write_text("http: [")
    await route.set_aside("copy.yml")
    assert list(watched.iterdir()) == []
    (kept,) = watched.parent.rglob("copy.yml*")
    assert kept.read_text() == "http: ["
    with pytest.raises(RouteNotConfirmed, match=r"copy\.yml could not be moved"):
        await route.set_aside("copy.yml")


async def test_restore_returns_the_original_files(watched: Path) -> None:
    route = RouteFile(watched, STACK)
    (watched / "sub").mkdir()
    (watched / "real.txt").write_text(OLD_YAML)
    (watched / "link.yml").symlink_to("real.txt")
    (watched / "sub" / "old.toml").write_text(OLD_TOML)
    (watched / "users.yml").write_bytes(b"# M\xfcller\n")
    (watched / FILE_NAME).write_text(OLD_YAML)
    (watched / FILE_NAME).chmod(0o600)
    before = {path: (path.lstat(), path.read_bytes()) for path in watched.rglob("*") if path.is_file()}
    files = await route.files()
    await route.flip(Color.BLUE, "r-1")
    for name in ("link.yml", "sub/old.toml"):
        await route.set_aside(name)
    assert (await route.files())[FILE_NAME] == route_file.render(STACK, Color.BLUE, "r-1")
    await route.restore(files)
    after = {path: (path.lstat(), path.read_bytes()) for path in watched.rglob("*") if path.is_file()}
    assert _same(after) == _same(before)


def _same(files: dict[Path, tuple[os.stat_result, bytes]]) -> dict[Path, tuple[object, ...]]:
    return {path: (s.st_ino, s.st_mode, s.st_mtime_ns, content) for path, (s, content) in files.items()}


async def test_unreadable_file_is_not_a_missing_one(watched: Path) -> None:
    """Here its links lead in a circle; an I/O error or too many open files are the same."""
    route = RouteFile(watched, STACK)
    await route.flip(Color.BLUE, "r-1", {"skills": ("first",)})
    (watched / FILE_NAME).unlink()
    (watched / FILE_NAME).symlink_to(FILE_NAME)
    for ask in (route.active, route.rollout, lambda: route.copies(Color.BLUE)):
        with pytest.raises(RouteNotConfirmed, match=r"updater-.*\.yml cannot be read"):
            await ask()
    assert not await route.stands(Color.BLUE, "r-1")
    await route.flip(Color.BLUE, "r-2")
    assert await route.active() is Color.BLUE
    assert await route.copies(Color.BLUE) == {"skills": ("first",)}


async def test_another_programs_route_file_is_kept(watched: Path) -> None:
    route = RouteFile(watched, STACK)
    (watched / FILE_NAME).write_text(OLD_YAML)
    await route.flip(Color.BLUE, "r-1")
    await route.flip(Color.GREEN, "r-2")
    (kept,) = watched.parent.rglob(f"{FILE_NAME}.set-aside")
    assert kept.read_text() == OLD_YAML


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
async def test_unowned_old_file_is_kept_as_a_copy(watched: Path, tmp_path: Path) -> None:
    (watched / FILE_NAME).write_text(OLD_YAML)
    for directory in (watched, tmp_path):
        os.chown(directory, OTHER_UID, OTHER_UID)
    for directory in tmp_path.parents:
        directory.chmod(directory.stat().st_mode | 0o011)
    os.seteuid(OTHER_UID)
    try:
        await RouteFile(watched, STACK).flip(Color.BLUE, "r-1")
    finally:
        os.seteuid(0)
    (kept,) = watched.parent.rglob(f"{FILE_NAME}.set-aside")
    assert kept.read_text() == OLD_YAML
    assert (watched / FILE_NAME).stat().st_uid == OTHER_UID


OTHER_UID = 65532
OLD_YAML = """
http:
  routers: {skills: {entryPoints: [web], rule: "PathPrefix(`/`)", service: any}}
  services: {any: {loadBalancer: {servers: [{url: "http://skills-blue:8080"}]}}}
"""
OLD_TOML = """
[http.routers.api]
entryPoints = ["api"]
rule = "PathPrefix(`/api`)"
service = "any"
[[http.services.any.loadBalancer.servers]]
url = "http://api-green:8090"
"""


@contextlib.contextmanager
def inotify(directory: Path) -> Iterator[Callable[[], list[tuple[int, str]]]]:
    """The mask and name of each event that the kernel reports for `directory`.

    https://man7.org/linux/man-pages/man7/inotify.7.html
    """
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.inotify_init1(os.O_NONBLOCK)
    assert libc.inotify_add_watch(handle, bytes(directory), IN_CHANGES) >= 0

    def events() -> list[tuple[int, str]]:
        raw, found = os.read(handle, 64 * 1024), []
        while raw:
            _, mask, _, length = struct.unpack_from("iIII", raw)
            found.append((mask, raw[16 : 16 + length].rstrip(b"\0").decode()))
            raw = raw[16 + length :]
        return found

    try:
        yield events
    finally:
        os.close(handle)
