"""Why signatures cannot be checked here."""

import os
import pwd
from pathlib import Path

import pytest

from app.config import signers
from tests.unit.forked import run

NAMELESS = 64_541
"""A user that does not exist on this machine."""

AS_USER = """
import os, sys
from pathlib import Path
from app.config import signers
os.setresuid(*[int(sys.argv[1])] * 3)
print(signers.problem(Path(sys.argv[2])))
"""
"""Prints the problem that the user with that number has. It imports everything before it changes the user."""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory of PATH; ssh-keygen is in it."""
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    program = tmp_path / "path" / signers.PROGRAM
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program.parent


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "allowed_signers"
    file.write_text("# who may release\nalice@example.invalid ssh-ed25519 AAAA\n\n")
    return file


def test_signers_with_the_program_are_no_problem(path: Path, file: Path) -> None:
    assert (signers.problem(file), signers.signers(file)) == (None, ["alice@example.invalid"])


def test_missing_program_is_named(path: Path, file: Path) -> None:
    (path / signers.PROGRAM).unlink()
    assert "openssh-client" in str(signers.problem(file))


@pytest.mark.parametrize(("content", "reason"), [(b"# nobody\n", "has no signer"), (b"\xff", "cannot be read")])
def test_file_without_a_signer_is_named(path: Path, file: Path, content: bytes, reason: str) -> None:
    file.write_bytes(content)
    assert reason in str(signers.problem(file))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_user_without_a_name_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ssh-keygen would say that the signature is not valid: it ends with "No user exists for uid"."""
    with pytest.raises(KeyError):
        pwd.getpwuid(NAMELESS)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    done = run(AS_USER, NAMELESS, file)
    assert f"ssh-keygen does not run as uid {NAMELESS}" in done.stdout
