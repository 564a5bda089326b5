import base64

from workers.adapters.git import without_credentials


def test_a_password_in_the_url_goes_by_the_environment_and_to_its_own_host_only() -> None:
    url, env = without_credentials("https://operator:p%40ss@git.example:8443/octo/shop.git")
    assert url == "https://git.example:8443/octo/shop.git"
    assert env["GIT_CONFIG_KEY_0"] == "http.https://git.example:8443/.extraHeader"
    kind, _, pair = env["GIT_CONFIG_VALUE_0"].removeprefix("Authorization: ").partition(" ")
    assert (kind, base64.b64decode(pair)) == ("Basic", b"operator:p@ss")


def test_any_other_url_stays_as_it_is() -> None:
    for url in ("https://github.com/octo/shop.git", "ssh://git@host/x.git", "/srv/x.git", "file:///srv/x.git"):
        assert without_credentials(url) == (url, {})
