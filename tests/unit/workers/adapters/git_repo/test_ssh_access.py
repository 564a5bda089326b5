"""What ssh is started with, and what its refusals mean. Real servers: tests/integration/git/test_deploy_key.py."""

from pathlib import Path

import pytest

from workers.adapters.git_repo.ssh_access import SshAccess

SCP = "git@git.example.org:octo/shop.git"
KEY, HOSTS = Path("/srv/updater/key"), Path("/srv/updater/known_hosts")


@pytest.mark.parametrize("access", [SshAccess(), SshAccess(KEY), SshAccess(None, HOSTS), SshAccess(KEY, HOSTS)])
def test_host_keys_are_always_checked(access: SshAccess) -> None:
    command = access.environment["GIT_SSH_COMMAND"]
    assert "StrictHostKeyChecking=yes" in command
    assert "BatchMode=yes" in command


def test_only_the_given_key_and_host_keys_count() -> None:
    command = SshAccess(KEY, HOSTS).environment["GIT_SSH_COMMAND"]
    assert command.startswith(f"ssh -F none -i {KEY} ")
    assert f"UserKnownHostsFile={HOSTS} -o GlobalKnownHostsFile=/dev/null" in command
    assert "IdentitiesOnly=yes" in command


def test_users_own_ssh_is_used_without_settings() -> None:
    """A worker on the host may have a key in ~/.ssh."""
    command = SshAccess().environment["GIT_SSH_COMMAND"]
    assert "-i " not in command
    assert "-F " not in command
    assert "KnownHostsFile" not in command


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("Host key verification failed.", "`ssh-keyscan git.example.org`"),
        ("Host key verification failed.", "UPDATER_SSH_KNOWN_HOSTS_PATH"),
        ("git@git.example.org: Permission denied (publickey).", "deploy key"),
        ("git@git.example.org: Permission denied (publickey,password).", "UPDATER_SSH_KEY_PATH"),
        ("Warning: Identity file /x not accessible: No such file or directory.", "UPDATER_SSH_KEY_PATH"),
        ("error: cannot run ssh: No such file or directory", "openssh-client"),
        ("No user exists for uid 4711", "/etc/passwd"),
    ],
)
def test_refusal_says_what_to_write(line: str, written: str) -> None:
    problem = SshAccess().problem(SCP, [line, "fatal: Could not read from remote repository."])
    assert problem is not None
    assert written in problem


def test_missing_key_is_named_before_its_refusal() -> None:
    lines = ["Warning: Identity file /k not accessible: No such file.", "x: Permission denied (publickey)."]
    assert "cannot read" in str(SshAccess(KEY).problem(SCP, lines))


@pytest.mark.parametrize("url", ["https://git.example.org/octo/shop.git", "/srv/shop"])
def test_other_transports_have_no_ssh_problem(url: str) -> None:
    assert SshAccess().problem(url, ["Host key verification failed."]) is None


def test_network_is_no_problem_of_the_operator() -> None:
    line = "ssh: connect to host git.example.org port 22: Connection refused"
    assert SshAccess(KEY, HOSTS).problem(SCP, [line]) is None
