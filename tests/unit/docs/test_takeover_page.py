"""Blocks of docs/from-the-sidecar.md in an operator's shell, with a `docker` that only records its calls."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.host.shell import Shell
from tests.acceptance.takeover.host import PAGE
from tests.acceptance.takeover.old_stack import ROUTE_FILE

LIVE_ROUTES = "http: {routers: {live: {}}}\n"
IDLE = """echo '{"state": "idle"}'"""
PLACES = {"/srv/zetherion-ai": "live", "/srv/zetherion-updater": "updater"}


@dataclass(frozen=True)
class Desk:
    """A directory with the live directory, the updater's directory, and stand-ins for `docker` and `curl`."""

    path: Path

    @property
    def live(self) -> Path:
        return self.path / "live"

    @property
    def calls(self) -> list[str]:
        log = self.path / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def shell(self, page: Path = PAGE) -> Shell:
        env = {"PATH": f"{self.path / 'tools'}:{os.environ['PATH']}", "HOME": str(self.path)}
        return Shell(env, page, {documented: str(self.path / name) for documented, name in PLACES.items()})

    def tool(self, name: str, text: str) -> None:
        file = self.path / "tools" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/usr/bin/env bash\n{text}")
        file.chmod(0o755)

    def git(self, *words: str) -> str:
        author = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
        words = ("git", *author, *words)
        return subprocess.run(words, cwd=self.live, check=True, capture_output=True, text=True, timeout=300).stdout

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    recorded = 'case "$*" in inspect*) echo 127.0.0.1 ;; *" status --json") ' + IDLE + " ;; esac"
    desk.tool("docker", f'echo "$*" >> {tmp_path / "calls"}\n{recorded}\n')
    desk.write("live/data/.updater-secret", "secret")
    desk.write("updater/data/updater-state.json", '{\n "last_good_tag": "v1.1.0"\n}')
    return desk


@pytest.mark.parametrize(("state", "stopped"), [("updating", False), ("idle", True)])
def test_sidecar_is_stopped_only_if_idle(desk: Desk, state: str, stopped: bool) -> None:
    desk.tool("curl", f"cat > /dev/null\n{IDLE.replace('idle', state)}\n")
    desk.write("live/data/updater-state.json", '{\n  "paused": true,\n  "pause_reason": "disk is full"\n}')
    if stopped:
        assert '"pause_reason": "disk is full"' in desk.shell().follow("8.", cwd=desk.path)
    else:
        with pytest.raises(AssertionError, match="compose stop"):
            desk.shell().follow("8.", cwd=desk.path)
    assert [call for call in desk.calls if call.startswith("compose stop")] == (
        ["compose stop zetherion-ai-updater"] if stopped else []
    )


@pytest.mark.parametrize("heading", ["Back, before the first release", "Back, after a release"])
@pytest.mark.parametrize("missing", ["live", "updater"])
def test_nothing_goes_down_without_its_directory(desk: Desk, heading: str, missing: str) -> None:
    (desk.path / missing).rename(desk.path / "elsewhere")
    with pytest.raises(AssertionError, match="No such file"):
        desk.shell().follow(heading, cwd=desk.path)
    assert [call for call in desk.calls if " down " in call] == []


def a_clone(desk: Desk) -> None:
    """A clone at v1.0.0 with live routes that git leaves alone; v1.1.0 has other routes, a new file and one less."""
    desk.live.mkdir(exist_ok=True)
    desk.git("init", "--quiet")
    desk.git("remote", "add", "origin", str(desk.live))
    for tag, extra in (("v1.0.0", "old"), ("v1.1.0", "new")):
        desk.write(f"live/{ROUTE_FILE}", f"# routes of {tag}\n")
        desk.write("live/version", tag)
        desk.write(f"live/{extra}", tag)
        (desk.live / "old").unlink() if extra == "new" else None
        desk.write("live/.gitignore", ".env\ndata/\n")
        desk.git("add", "--all")
        desk.git("commit", "--quiet", "--message", tag)
        desk.git("tag", tag)
    desk.git("checkout", "--quiet", "v1.0.0")
    desk.write(f"live/{ROUTE_FILE}", LIVE_ROUTES)
    desk.git("update-index", "--skip-worktree", str(ROUTE_FILE))
    desk.write("live/.env", "A=b\n# zetherion-updater: begin\nCOMPOSE_FILE=x\n# zetherion-updater: end\n")


def test_return_checks_the_tag_out_around_live_routes(desk: Desk) -> None:
    a_clone(desk)
    desk.shell().follow("Back, after a release", cwd=desk.path)
    assert desk.git("describe", "--tags", "--exact-match", "HEAD").strip() == "v1.1.0"
    assert desk.git("status", "--short", "--untracked-files=no").split() == ["M", str(ROUTE_FILE)]
    assert (desk.live / ROUTE_FILE).read_text() == LIVE_ROUTES
    files = sorted(path.name for path in desk.live.iterdir() if path.is_file())
    assert files == [".env", ".gitignore", "new", "version"]
    assert (desk.live / ".env").read_text() == "A=b\n"
    assert desk.calls[-1] == "compose up --detach --no-deps --build zetherion-ai-updater"


def test_return_keeps_the_updater_if_a_file_changed(desk: Desk) -> None:
    a_clone(desk)
    desk.write("live/version", "changed by hand")
    with pytest.raises(AssertionError, match="version"):
        desk.shell().follow("Back, after a release", cwd=desk.path)
    assert [call for call in desk.calls if " down " in call or " up " in call] == []


def test_shell_goes_on_in_a_block_but_not_to_the_next(desk: Desk) -> None:
    first, second = "false\necho on\n", "echo no$((1))\n"
    blocks = "".join(f"```sh\n{block}```\n\n" for block in (first, second))
    desk.write("page.md", f"```sh\necho {' '.join(PLACES)}\n```\n\n## 1. a\n\n{blocks}")
    with pytest.raises(AssertionError) as failed:
        desk.shell(desk.path / "page.md").follow("1.", cwd=desk.path)
    printed = str(failed.value).splitlines()
    assert "on" in printed
    assert "no1" not in printed
