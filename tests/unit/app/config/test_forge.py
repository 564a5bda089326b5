import pytest

from app.config.forge import check_forge, is_gitea, web_of
from app.config.urls import valid_github_api_url
from app.domain.errors import SettingsInvalid
from tests.examples import a_stack

CODEBERG = "https://codeberg.org/api/v1"


@pytest.mark.parametrize(
    ("url", "gitea"),
    [
        ("https://api.github.com", False),
        ("https://github.example.org/api/v3", False),
        (CODEBERG, True),
        (f"{CODEBERG}/", True),
        ("https://example.org/git/api/v1", True),
    ],
)
def test_api_path_tells_the_kind_of_server(url: str, gitea: bool) -> None:
    assert is_gitea(url) is gitea
    assert valid_github_api_url(url) == url


@pytest.mark.parametrize(
    ("api", "web"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://api.github.com/", "https://github.com"),
        ("https://api.octo.ghe.com", "https://octo.ghe.com"),
        ("https://github.example.org/api/v3/", "https://github.example.org"),
        (CODEBERG, "https://codeberg.org"),
        ("https://example.org:8443/git/api/v1", "https://example.org:8443/git"),
        ("http://127.0.0.1:8080", None),
    ],
)
def test_links_lead_to_the_server_that_has_the_repository(api: str, web: str | None) -> None:
    assert web_of(api) == web


@pytest.mark.parametrize("url", ["https://codeberg.org", "https://codeberg.org/api", "https://gitea.com/api/v3"])
def test_known_server_without_its_api_path_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"should be https://(codeberg\.org|gitea\.com)/api/v1"):
        valid_github_api_url(url)


def test_default_source_does_not_fit_another_server() -> None:
    """github.com may have another program under the same name."""
    with pytest.raises(SettingsInvalid, match=r"`source: https://codeberg\.org/octo/shop\.git`"):
        check_forge(a_stack(), CODEBERG)
    with pytest.raises(SettingsInvalid, match=r"`source: https://example\.org/git/octo/shop\.git`"):
        check_forge(a_stack(), "https://example.org/git/api/v1/")


@pytest.mark.parametrize("source", ["https://codeberg.org/octo/shop.git", "git@codeberg.org:octo/shop.git"])
def test_source_on_the_same_server_is_accepted(source: str) -> None:
    check_forge(a_stack(source=source), CODEBERG)
    check_forge(a_stack(), "https://api.github.com")
