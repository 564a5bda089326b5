import base64

import pytest

from workers.adapters.git_repo.credentials import token_for, without_credentials

REPOSITORY = "https://github.com/octo/shop.git"
API = "https://api.github.com"


def config(env: dict[str, str]) -> dict[str, str]:
    """The git configuration in the environment."""
    return {env[f"GIT_CONFIG_KEY_{n}"]: env[f"GIT_CONFIG_VALUE_{n}"] for n in range(int(env["GIT_CONFIG_COUNT"]))}


def credential(header: str) -> str:
    kind, _, pair = header.removeprefix("Authorization: ").partition(" ")
    assert kind == "Basic"
    return base64.b64decode(pair).decode()


@pytest.mark.parametrize(
    ("user", "pair"),
    [("operator:p%40ss@", "operator:p@ss"), ("ghp_abc@", "ghp_abc:"), ("ghp_abc:@", "ghp_abc:")],
)
def test_url_credential_goes_only_to_its_own_host(user: str, pair: str) -> None:
    url, env = without_credentials(f"https://{user}git.example:8443/octo/shop.git", "another-token")
    assert url == "https://git.example:8443/octo/shop.git"
    settings = config(env)
    assert credential(settings.pop("http.https://git.example:8443/.extraHeader")) == pair
    assert settings == {}


def test_token_is_passed_by_environment() -> None:
    url, env = without_credentials(REPOSITORY, "ghp_abc")
    assert url == REPOSITORY
    assert credential(config(env)["http.https://github.com/.extraHeader"]) == "x-access-token:ghp_abc"


def test_only_https_urls_carry_a_credential() -> None:
    assert without_credentials(REPOSITORY) == (REPOSITORY, {})
    for url in ("ssh://git@host/x.git", "/srv/x.git", "file:///srv/x.git"):
        assert without_credentials(url, "ghp_abc") == (url, {})


@pytest.mark.parametrize(
    ("url", "api", "given"),
    [
        (REPOSITORY, API, True),
        ("https://ghe.example/octo/shop.git", "https://ghe.example/api/v3", True),
        ("https://GHE.example:443/octo/shop.git", "https://ghe.example/api/v3", True),
        ("https://ghe.example:8443/octo/shop.git", "https://ghe.example:8443/api/v3", True),
        ("https://ghe.example:8443/octo/shop.git", "https://ghe.example/api/v3", False),
        ("https://git.example/octo/shop.git", API, False),
        ("https://github.com.evil.example/octo/shop.git", API, False),
        ("https://github.com@evil.example/octo/shop.git", API, False),
        (REPOSITORY, "https://ghe.example/api/v3", False),
        ("/srv/shop.git", API, False),
    ],
)
def test_github_token_goes_only_to_its_github(url: str, api: str, given: bool) -> None:
    assert token_for(url, api, "ghp_abc") == ("ghp_abc" if given else None)
