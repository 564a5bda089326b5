import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.domain.long_lines import OUTPUT_LINE_BYTES, SHOWN_LINE_BYTES, beginning
from tests.examples import a_stack
from workers.adapters.redaction import HIDDEN, Redactor, names_of

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


@pytest.mark.parametrize("secret", ["abc.def-123.xyz", "cost$ 5 pounds", "p@ssword-1", "in-the-remote", "over-there-9"])
def test_text_hides_every_secret(redactor: Redactor, secret: str) -> None:
    assert redactor.text(f"connecting with {secret}, twice {secret}") == f"connecting with {HIDDEN}, twice {HIDDEN}"


def test_every_env_file_of_the_operator_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(ENV)
    redactor = Redactor(tmp_path, env_files=["production.env"])
    assert redactor.text("abc.def-123.xyz") == HIDDEN
    (tmp_path / "production.env").write_text("API_TOKEN=of-production-9\n")
    assert redactor.text("of-production-9 abc.def-123.xyz") == f"{HIDDEN} {HIDDEN}"


def test_ordinary_words_are_kept(redactor: Redactor) -> None:
    text = "production-like on 8080, a short answer"
    assert redactor.text(text) == text


def test_every_nested_value_is_redacted(redactor: Redactor) -> None:
    value = {"lines": ["ok", "token abc.def-123.xyz"], "n": 1, "deep": {"none": None, "t": ("p@ssword-1",)}}
    assert redactor.value(value) == {"lines": ["ok", f"token {HIDDEN}"], "n": 1, "deep": {"none": None, "t": [HIDDEN]}}


def test_log_line_is_redacted(redactor: Redactor) -> None:
    assert redactor.processor(None, "info", {"event": "it said abc.def-123.xyz"}) == {"event": f"it said {HIDDEN}"}


def test_long_line_is_redacted_before_it_is_cut(redactor: Redactor) -> None:
    text = "x" * (SHOWN_LINE_BYTES - 50) + " abc.def-123.xyz " + "x" * 100_000
    logged = redactor.processor(None, "info", {"event": text})["event"]
    assert len(logged) <= SHOWN_LINE_BYTES
    assert "abc.def" not in logged


@pytest.mark.parametrize("length", [60, 40_000], ids=["many secrets", "one secret longer than the line"])
def test_beginning_of_a_secret_at_a_cut_is_redacted(tmp_path: Path, length: int) -> None:
    """The redacted line is so much shorter than the one that was read that its end would be shown."""
    secret = "".join(f"{number:06d}" for number in range(length // 6))
    (tmp_path / ".env").write_text(f"API_TOKEN={secret}\n")
    line = f"{secret * 1000} end"
    read = beginning(line[:OUTPUT_LINE_BYTES], OUTPUT_LINE_BYTES, len(line))
    hidden = Redactor(tmp_path).text(f"build failed:\n{read}\n{read}")
    assert set(hidden.removeprefix("build failed:\n").replace(HIDDEN, "").split("\n")) == {
        f"… [cut: the line had {len(line)} bytes]"
    }


def test_short_end_of_a_cut_line_is_kept(redactor: Redactor) -> None:
    cut = beginning("it said abc.def", OUTPUT_LINE_BYTES, 100_000)
    assert redactor.text(cut) == cut


def test_changed_secret_is_redacted_at_once(redactor: Redactor, tmp_path: Path) -> None:
    assert redactor.text("a-newer-token") == "a-newer-token"
    (tmp_path / ".env").write_text("DISCORD_TOKEN=a-newer-token\n")
    assert redactor.text("a-newer-token") == HIDDEN
    assert redactor.text("abc.def-123.xyz") == HIDDEN, "the old value may still be in use"


@pytest.mark.parametrize(
    "secret",
    [
        "a-token-of-a-file",
        "MIIEvQIBADANBg",
        "of-the-database",
        "a-token-with-a-name",
    ],
)
def test_secrets_directory_files_are_redacted(redactor: Redactor, tmp_path: Path, secret: str) -> None:
    assert redactor.text(secret) == secret
    (tmp_path / "secrets").mkdir()
    for name, text in FILES.items():
        (tmp_path / "secrets" / name).write_text(text)
    assert redactor.text(f"it said: {secret}") == f"it said: {HIDDEN}"
    assert redactor.text("a URL: postgres://u:of-the-database@db/x") == f"a URL: {HIDDEN}"
    assert redactor.text("short") == "short"


def test_url_secrets_are_redacted_without_a_file(tmp_path: Path) -> None:
    redactor = Redactor(tmp_path, ["https://u:in-the-remote@h/x"])
    assert redactor.text("in-the-remote") == HIDDEN
    assert Redactor(tmp_path).text("x") == "x"


def test_lone_and_given_tokens_are_redacted(tmp_path: Path) -> None:
    redactor = Redactor(tmp_path, ["https://ghp_alone-in-it@h/x", "ssh://operator-name@h/x"], ["ghp_given-1"])
    assert redactor.text("ghp_alone-in-it and ghp_given-1") == f"{HIDDEN} and {HIDDEN}"
    assert redactor.text("operator-name") == "operator-name"


def test_change_with_same_size_and_time_is_seen(redactor: Redactor, tmp_path: Path) -> None:
    """For example, a change of the owner or the mode that makes the file readable."""
    file = tmp_path / "secrets" / "token"
    file.parent.mkdir()
    file.write_text("not-this-one")
    assert redactor.text("but-this-one") == "but-this-one"
    before = file.stat()
    file.write_text("but-this-one")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert redactor.text("but-this-one") == HIDDEN


@pytest.mark.parametrize(
    ("written", "secret"),
    [
        ("TOKEN=the-real-value # note", "the-real-value"),
        ("TOKEN='the real # value' # note", "the real # value"),
        ('KEY="first line of it\nsecond line of it"', "second line of it"),
        ('KEY="with \\"quotes\\" in it"', 'with "quotes" in it'),
        ("STRIPE=sk_live_51MexampleExample9", "sk_live_51MexampleExample9"),
        ("DB_PASS=of-the-database", "of-the-database"),
        ("ANY=postgres://app:short@db/app", "app:short"),
        ("MIIEvQIBADANBg", "MIIEvQIBADANBg"),
    ],
    ids=["comment", "hash in quotes", "second line", "escapes", "known form", "PASS", "short in a URL", "no name"],
)
def test_changed_file_is_read_without_compose(tmp_path: Path, written: str, secret: str) -> None:
    redactor = Redactor(tmp_path)
    (tmp_path / ".env").write_text(f"MODE=any\n{written}\n")
    assert redactor.text(f"it said: {secret}.") == f"it said: {HIDDEN}."


def test_learned_secret_is_hidden_in_other_forms(redactor: Redactor) -> None:
    redactor.learn(["p@ss 'w$rd'"])
    assert redactor.text("a p%40ss%20%27w%24rd%27 b p@ss 'w$$rd' c") == f"a {HIDDEN} b {HIDDEN} c"


def test_short_and_ordinary_values_are_not_learned(redactor: Redactor) -> None:
    text = "true 12345 production /run/secrets/key"
    redactor.learn(text.split())
    assert redactor.text(text) == text


def test_names_of_the_stack_stay_readable(tmp_path: Path) -> None:
    """A weak password, but without the name no log and no status says anything."""
    stack = a_stack()
    (tmp_path / ".env").write_text("DB_PASSWORD=skills-green\nAPI_PASSWORD=another-one\n")
    redactor = Redactor(tmp_path, ordinary=names_of(stack))
    assert redactor.text("skills-green another-one") == f"skills-green {HIDDEN}"


def test_unknown_token_is_hidden_by_its_form(redactor: Redactor) -> None:
    unknown = "ghp_" + "a1B2c3D4" * 5
    assert redactor.text(f"remote: {unknown} in https://u:pw@h/x") == f"remote: {HIDDEN} in https://{HIDDEN}@h/x"


def test_encoded_secret_at_a_cut_is_hidden(redactor: Redactor) -> None:
    redactor.learn(["a secret with spaces in it"])
    cut = beginning("GET /?key=a%20secret%20with", OUTPUT_LINE_BYTES, 100_000)
    assert redactor.text(cut) == cut.replace("a%20secret%20with", HIDDEN)


def test_secrets_that_threads_learn_at_once_are_all_hidden(tmp_path: Path) -> None:
    """A trace is redacted in a thread of its own, and so is what a thread logs."""
    interval, redactor = sys.getswitchinterval(), Redactor(tmp_path)
    secrets = [[f"sk_live_{thread}-{n}-zzzz" for n in range(150)] for thread in range(8)]
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(len(secrets)) as threads:
            list(threads.map(redactor.learn, secrets))
    finally:
        sys.setswitchinterval(interval)
    assert [secret for each in secrets for secret in each if secret in redactor.text(secret)] == []
