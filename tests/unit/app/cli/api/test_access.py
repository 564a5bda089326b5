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


def test_missing_secret_is_not_allowed(tmp_path: Path) -> None:
    with pytest.raises(NotAllowed, match=r"cannot be read .*UPDATER_TOKEN"):
        access({"UPDATER_SECRET_PATH": str(tmp_path / "none")})
    (tmp_path / "empty").write_text("\n \n")
    with pytest.raises(NotAllowed, match="is empty"):
        access({"UPDATER_SECRET_PATH": str(tmp_path / "empty")})
