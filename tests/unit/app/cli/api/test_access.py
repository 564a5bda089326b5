from pathlib import Path

import pytest

from app.cli.api.access import access, updater_url
from app.cli.errors import NotAllowed, WrongUse


def test_first_line_of_secret_is_sent_and_hidden(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("\nthe-secret \nan-older-one\n")
    opened = access({"UPDATER_SECRET_PATH": str(file)})
    assert opened.headers == {"X-Updater-Secret": b"the-secret"}
    assert opened.url == "http://127.0.0.1:9090"
    assert "the-secret" not in repr(opened)


def test_token_takes_precedence_over_the_secret() -> None:
    opened = access({"UPDATER_TOKEN": " abc ", "UPDATER_SECRET_PATH": "/nowhere", "UPDATER_URL": "https://u:1/x/"})
    assert (opened.headers, opened.url) == ({"Authorization": b"Bearer abc"}, "https://u:1/x")


@pytest.mark.parametrize(
    "url", ["localhost:9090", "ftp://h", "http://", "http://h:port", "http://user:pass@h", "http://h:0"]
)
def test_invalid_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(WrongUse, match="UPDATER_URL") as refused:
        updater_url({"UPDATER_URL": url})
    assert "pass" not in str(refused.value)


@pytest.mark.parametrize("host", ["updater.example.org", "192.0.2.7:9090", "[2001:db8::7]:9090", "127.0.0.1.evil.test"])
def test_secret_is_not_sent_in_clear_text(host: str) -> None:
    with pytest.raises(WrongUse, match="the network could read the secret") as refused:
        access({"UPDATER_URL": f"http://{host}", "UPDATER_TOKEN": "canary"})
    assert "ssh -N -L" in refused.value.todo
    assert access({"UPDATER_URL": f"https://{host}", "UPDATER_TOKEN": "canary"}).url == f"https://{host}"


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:9090", "127.1.2.3", "[::1]:9090", "zetherion-ai-updater:9090"]
)
def test_http_is_allowed_on_this_machine(host: str) -> None:
    assert updater_url({"UPDATER_URL": f"http://{host}/"}) == f"http://{host}"


def test_missing_secret_is_not_allowed(tmp_path: Path) -> None:
    with pytest.raises(NotAllowed, match=r"cannot be read .*UPDATER_TOKEN"):
        access({"UPDATER_SECRET_PATH": str(tmp_path / "none")})
    (tmp_path / "empty").write_text("\n \n")
    with pytest.raises(NotAllowed, match="is empty"):
        access({"UPDATER_SECRET_PATH": str(tmp_path / "empty")})
