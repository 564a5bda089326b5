import pytest

from app.domain.errors import GitFailed
from workers.adapters.git_repo.credentials import ServerCredential, credential_for, token_for
from workers.adapters.git_repo.lfs.server import check_configured, lfs_server

TOKEN = ServerCredential("git.example", "Basic abc")
OTHER = ServerCredential("github.com", "Basic abc")
SERVER = "https://git.example/octo/shop.git/info/lfs"


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://git.example/octo/shop", SERVER),
        ("https://git.example/octo/shop.git", SERVER),
        ("https://git.example/octo/shop/", SERVER),
        ("https://git.example:443/octo/shop.git", SERVER),
        ("https://git.example:8443/octo/shop", "https://git.example:8443/octo/shop.git/info/lfs"),
        ("https://git.example/octo/shop/.git", "https://git.example/octo/shop/.git/info/lfs"),
    ],
)
def test_server_is_found_by_the_repository(url: str, server: str) -> None:
    assert lfs_server(url, None) == lfs_server(url, OTHER) == server


@pytest.mark.parametrize(
    "url", ["git@git.example:octo/shop.git", "git.example:octo/shop", "ssh://git@git.example:2222/octo/shop.git"]
)
def test_ssh_needs_a_token_of_the_same_host(url: str) -> None:
    assert lfs_server(url, TOKEN) == SERVER
    for credential in (None, OTHER):
        with pytest.raises(GitFailed, match=r"by https only.*`source`.*GITHUB_TOKEN"):
            lfs_server(url, credential)


@pytest.mark.parametrize("url", ["/srv/shop.git", "file:///srv/shop.git"])
def test_directory_has_no_server(url: str) -> None:
    with pytest.raises(GitFailed, match=r"has Git LFS files.*by https only.*`source`"):
        lfs_server(url, TOKEN)


def test_only_the_own_server_may_be_configured() -> None:
    check_configured("", SERVER)
    check_configured(f"lfs.url\n{SERVER}\0remote.origin.lfsurl\n{SERVER}/\0", SERVER)
    for other in ("https://user:secret@elsewhere.example/lfs", "http://git.example/octo/shop.git/info/lfs", "../lfs"):
        with pytest.raises(GitFailed, match="names another server") as error:
            check_configured(f"lfs.url\n{SERVER}\0remote.origin.lfsurl\n{other}\0", SERVER)
        assert "secret" not in str(error.value)


def test_ssh_url_gives_the_token_by_https_only() -> None:
    for url in ("git@github.com:octo/shop.git", "ssh://git@github.com:22/octo/shop.git"):
        assert token_for(url, "https://api.github.com", "ghp_abc") == "ghp_abc"
        assert token_for(url, "https://ghe.example/api/v3", "ghp_abc") is None
        credential = credential_for(url, "ghp_abc")
        assert credential is not None
        assert credential.server == "github.com"
        assert credential_for(url) is None, "the user of an SSH address is no credential"


def test_a_credential_hides_itself() -> None:
    credential = credential_for("https://git.example/octo/shop.git", "ghp_abc")
    assert credential is not None
    assert credential.header not in repr(credential)
    for url in ("/srv/x.git", "file:///srv/x.git", "http://git.example/x.git", "git://git.example/x.git"):
        assert credential_for(url, "ghp_abc") is None
