import pytest

from deploy.demo.distribution.mirror import codename, mirror

MIRROR = "http://mirror.example/debian"
SECURITY = "http://mirror.example/debian-security"

DEB822 = f"""\
# Kept by the provider
Types: deb deb-src
URIs: {SECURITY}
Suites: bookworm-security
Components: main

Types: deb
URIs: {MIRROR} http://second.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
"""

ONE_LINE = f"""\
# deb http://comment.example/debian bookworm main
deb {SECURITY} bookworm-security main
deb-src {MIRROR}-src bookworm main
deb {MIRROR} bookworm main contrib # ours
"""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("VERSION_CODENAME=bookworm\n", "bookworm"),
        ('NAME="Ubuntu"\nVERSION_CODENAME="jammy"\nUBUNTU_CODENAME=noble\n', "jammy"),
        ("ID=debian\n# a comment\n\n", "stable"),
        ("VERSION_CODENAME=\n", "stable"),
    ],
)
def test_codename_comes_from_os_release(text: str, name: str) -> None:
    assert codename(text) == name


def test_security_mirror_is_skipped() -> None:
    assert mirror([DEB822], [], "bookworm") == MIRROR
    assert mirror([], [ONE_LINE], "bookworm") == MIRROR


def test_deb822_takes_precedence_over_one_line() -> None:
    assert mirror([DEB822], ["deb http://other.example/debian bookworm main"], "bookworm") == MIRROR


def test_old_list_is_read_if_deb822_has_no_mirror() -> None:
    assert mirror([DEB822.split("\n\n", maxsplit=1)[0]], [ONE_LINE], "bookworm") == MIRROR


@pytest.mark.parametrize(
    "options", ["[arch=amd64]", "[ arch=amd64 signed-by=/usr/share/keyrings/a.gpg ]", "[trusted=yes]\t"]
)
def test_options_are_not_taken_as_a_mirror(options: str) -> None:
    assert mirror([], [f"deb {options} {MIRROR} bookworm main"], "bookworm") == MIRROR


def test_vendor_repository_is_not_a_mirror() -> None:
    vendor = "deb [signed-by=/etc/apt/keyrings/a.asc] https://vendor.example/linux/debian bookworm stable"
    assert mirror([], [vendor, ONE_LINE], "bookworm") == MIRROR


def test_disabled_or_source_entry_is_not_a_mirror() -> None:
    off = f"Types: deb\nEnabled: no\nURIs: {MIRROR}\nSuites: bookworm\nComponents: main\n"
    source = f"Types: deb-src\nURIs: {MIRROR}\nSuites: bookworm\nComponents: main\n"
    assert mirror([off, source], [], "bookworm") is None


def test_fields_may_span_lines_and_ignore_case() -> None:
    text = f"types: deb\nuris:\n {MIRROR}\nSUITES: bookworm\n  bookworm-updates\nComponents: main\n"
    assert mirror([text], [], "bookworm") == MIRROR


def test_mirror_of_another_suite_is_a_fallback() -> None:
    assert mirror([], [f"deb {SECURITY} bookworm-security main\ndeb {MIRROR} stable main"], "bookworm") == MIRROR


def test_missing_sources_yield_no_mirror() -> None:
    assert mirror([], [], "bookworm") is None
    assert mirror([""], ["# nothing\n"], "bookworm") is None
