"""Where a submodule is fetched from."""

import pytest

from workers.adapters.git_repo.submodules import address_of, links_in, urls_in

HTTPS = "https://git.example.org/octo/shop.git"
SCP = "git@git.example.org:octo/shop.git"
SSH = "ssh://git@git.example.org/octo/shop.git"
LOCAL = "/srv/git/shop"


@pytest.mark.parametrize(
    ("base", "url", "address"),
    [
        (HTTPS, "../lib.git", "https://git.example.org/octo/lib.git"),
        (HTTPS, "../../other/lib", "https://git.example.org/other/lib"),
        (HTTPS, "https://git.example.org/octo/lib", "https://git.example.org/octo/lib"),
        (HTTPS, "git@git.example.org:octo/lib.git", "https://git.example.org/octo/lib.git"),
        (HTTPS, "ssh://git@git.example.org/octo/lib", "https://git.example.org/octo/lib"),
        (SCP, "../lib.git", "git@git.example.org:octo/lib.git"),
        (SCP, "https://git.example.org/octo/lib", "git@git.example.org:octo/lib"),
        (SSH, "git@git.example.org:octo/lib", "ssh://git@git.example.org/octo/lib"),
        (LOCAL, "../lib", "/srv/git/lib"),
        (LOCAL, "/srv/git/lib", "/srv/git/lib"),
    ],
)
def test_address_is_reached_as_the_repository_is(base: str, url: str, address: str) -> None:
    assert address_of(url, base) == address


@pytest.mark.parametrize(
    ("base", "url"),
    [
        (HTTPS, "https://elsewhere.example/octo/lib"),
        (HTTPS, "git@elsewhere.example:octo/lib"),
        (HTTPS, "/srv/git/lib"),
        (HTTPS, "file:///srv/git/lib"),
        (HTTPS, "http://git.example.org/octo/lib"),
        (HTTPS, "ext::sh -c true"),
        (SCP, "/srv/git/lib"),
        (LOCAL, "https://git.example.org/octo/lib"),
        (LOCAL, "ext::sh -c true"),
    ],
)
def test_another_host_or_way_is_no_address(base: str, url: str) -> None:
    assert address_of(url, base) is None


def test_links_are_the_submodules_of_a_tree() -> None:
    listing = f"100644 blob {'a' * 40}\tapp.py\x00160000 commit {'b' * 40}\tdeps/my lib\x00"
    assert links_in(listing) == {"deps/my lib": "b" * 40}


def test_urls_are_found_by_path() -> None:
    settings = "submodule.a.b.path\ndeps/lib/\0submodule.a.b.url\n../lib\0submodule.no-path.url\n../x\0"
    assert urls_in(settings) == {"deps/lib": "../lib"}


def test_invalid_url_is_no_address() -> None:
    assert address_of("https://[::1/lib", HTTPS) is None
