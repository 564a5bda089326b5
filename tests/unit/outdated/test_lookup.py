"""Lookups with programs that answer as skopeo does, and the verdict."""

from pathlib import Path

import pytest

from deploy.outdated.__main__ import CURRENT, OUTDATED, UNKNOWN, Outlook, look_up, verdict
from deploy.outdated.pins import Pin
from deploy.outdated.registries import RegistrySilent, image_digest, image_tags

REDIS = Pin("redis", "7.4.6", True, ("deploy/docker-compose.yml",))
ANSWERS = """
case "$*" in
  "list-tags docker://redis") echo '{"Repository": "redis", "Tags": ["7.4.6", "7.4.11", "8.0.0", "latest"]}' ;;
  "inspect --no-tags --format {{.Digest}} docker://redis:7.4.11") echo sha256:abc ;;
  *) echo "unexpected: $*" >&2; exit 9 ;;
esac
"""


@pytest.fixture
def skopeo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program `skopeo`; nothing else is on the PATH but the shell's tools."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "skopeo"


def answering(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_newer_tag_is_found_with_its_digest(skopeo: Path) -> None:
    answering(skopeo, ANSWERS)
    seen = look_up(REDIS)
    assert (seen.newest, seen.digest, seen.outdated) == ("7.4.11", "sha256:abc", True)
    assert str(seen) == "OUTDATED  redis 7.4.6 (deploy/docker-compose.yml): 7.4.11 sha256:abc"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'level=fatal msg=\"no route to host\"' >&2; exit 1", "no route to host"),
        ("exit 3", "exit code 3"),
        ("echo '<html>'", "printed no list of tags"),
        ("echo '{}'", "printed no list of tags"),
    ],
)
def test_silent_registry_is_unknown_and_not_current(skopeo: Path, script: str, reason: str) -> None:
    answering(skopeo, script)
    seen = look_up(REDIS)
    assert (reason in seen.silent, seen.outdated) == (True, False)
    assert str(seen).startswith("unknown   redis 7.4.6")
    with pytest.raises(RegistrySilent):
        image_tags("redis")


def test_missing_program_is_a_silent_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RegistrySilent, match="skopeo could not be used"):
        image_digest("redis", "7.4.6")


def test_verdict_is_unknown_before_outdated() -> None:
    current, old = Outlook(REDIS, "7.4.6"), Outlook(REDIS, "7.4.9")
    silent = Outlook(REDIS, silent="no route to host")
    assert verdict([current])[0] == CURRENT
    code, text = verdict([current, old])
    assert (code, text.startswith("1 of 2 pins are outdated")) == (OUTDATED, True)
    code, text = verdict([current, old, silent])
    assert (code, text.startswith("error: no registry answered for 1 of 3 pins")) == (UNKNOWN, True)
