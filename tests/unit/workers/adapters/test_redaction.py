import os
from pathlib import Path

import pytest

from workers.adapters.redaction import HIDDEN, Redactor, secrets_in_env

ENV = """
# a comment with TOKEN=inside-a-comment
DISCORD_TOKEN=abc.def-123.xyz
export POSTGRES_PASSWORD = 'cost$ 5 pounds'
SHORT_SECRET=short
MODE=production-like
DATABASE_URL=postgres://app:p%40ssword-1@db/app
HOST_PORT=8080
"""

FILES = {
    "more.env": "export API_TOKEN=a-token-with-a-name\n",
    "discord-token": "a-token-of-a-file\n",
    "key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nshort\n",
    "database-url": "postgres://u:of-the-database@db/x\n",
}


@pytest.fixture
def redactor(tmp_path: Path) -> Redactor:
    (tmp_path / ".env").write_text(ENV)
    return Redactor(tmp_path, ["https://operator:in-the-remote@git.example/x.git", "redis://:over-there-9@r/0"])


def test_what_is_a_secret_is_told_by_its_name_or_by_being_a_password_in_a_url() -> None:
    assert set(secrets_in_env(ENV)) == {"abc.def-123.xyz", "cost$ 5 pounds", "p%40ssword-1", "p@ssword-1"}


@pytest.mark.parametrize("secret", ["abc.def-123.xyz", "cost$ 5 pounds", "p@ssword-1", "in-the-remote", "over-there-9"])
def test_no_text_holds_one(redactor: Redactor, secret: str) -> None:
    assert redactor.text(f"connecting with {secret}, twice {secret}") == f"connecting with {HIDDEN}, twice {HIDDEN}"


def test_ordinary_words_stay(redactor: Redactor) -> None:
    text = "production-like on 8080, a short answer"
    assert redactor.text(text) == text


def test_every_part_of_a_value_is_looked_at(redactor: Redactor) -> None:
    value = {"lines": ["ok", "token abc.def-123.xyz"], "n": 1, "deep": {"none": None, "t": ("p@ssword-1",)}}
    assert redactor.value(value) == {"lines": ["ok", f"token {HIDDEN}"], "n": 1, "deep": {"none": None, "t": [HIDDEN]}}


def test_a_log_line_goes_through_it(redactor: Redactor) -> None:
    assert redactor.processor(None, "info", {"event": "it said abc.def-123.xyz"}) == {"event": f"it said {HIDDEN}"}


def test_a_secret_that_was_changed_is_known_at_once(redactor: Redactor, tmp_path: Path) -> None:
    assert redactor.text("a-newer-token") == "a-newer-token"
    (tmp_path / ".env").write_text("DISCORD_TOKEN=a-newer-token\n")
    assert redactor.text("a-newer-token") == HIDDEN
    assert redactor.text("abc.def-123.xyz") == HIDDEN, "it may still be in use"


@pytest.mark.parametrize(
    "secret",
    [
        "a-token-of-a-file",
        "MIIEvQIBADANBg",
        "of-the-database",
        "postgres://u:of-the-database@db/x",
        "a-token-with-a-name",
    ],
)
def test_a_file_in_the_directory_for_secrets_is_one(redactor: Redactor, tmp_path: Path, secret: str) -> None:
    assert redactor.text(secret) == secret
    (tmp_path / "secrets").mkdir()
    for name, text in FILES.items():
        (tmp_path / "secrets" / name).write_text(text)
    assert redactor.text(f"it said: {secret}") == f"it said: {HIDDEN}"
    assert redactor.text("short") == "short"


def test_without_a_file_those_in_urls_are_still_known(tmp_path: Path) -> None:
    redactor = Redactor(tmp_path, ["https://u:in-the-remote@h/x"])
    assert redactor.text("in-the-remote") == HIDDEN
    assert Redactor(tmp_path).text("x") == "x"


def test_a_token_that_stands_alone_in_a_url_and_one_that_is_given_are_known(tmp_path: Path) -> None:
    redactor = Redactor(tmp_path, ["https://ghp_alone-in-it@h/x", "ssh://operator-name@h/x"], ["ghp_given-1"])
    assert redactor.text("ghp_alone-in-it and ghp_given-1") == f"{HIDDEN} and {HIDDEN}"
    assert redactor.text("operator-name") == "operator-name"


def test_a_change_that_keeps_size_and_time_is_seen(redactor: Redactor, tmp_path: Path) -> None:
    """As one of its owner or its mode, after which it may be read at last."""
    file = tmp_path / "secrets" / "token"
    file.parent.mkdir()
    file.write_text("not-this-one")
    assert redactor.text("but-this-one") == "but-this-one"
    before = file.stat()
    file.write_text("but-this-one")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert redactor.text("but-this-one") == HIDDEN
