"""The repository is known by its id: a new name is followed, and another repository never gets in."""

from dataclasses import replace

import pytest

from app.domain.acceptance.policy import ReleaseEvent, reason_to_ignore
from app.domain.acceptance.repository import (
    KnownRepository,
    delivered,
    identified,
    known_for,
    learned,
    renamed_source,
    repository_alarms,
)
from tests.examples import a_stack

STACK = a_stack()
KNOWN = KnownRepository("octo/shop", 1, "octo/shop")
RENAMED = KnownRepository("octo/shop", 1, "acme/store")
EVENT = ReleaseEvent("published", "octo/shop", 1, 2, "v1.1.0", draft=False, prerelease=False)


def test_first_id_under_the_name_is_learned() -> None:
    assert learned(STACK, None, "Octo/Shop", 1) == KnownRepository("octo/shop", 1, "Octo/Shop")
    assert learned(STACK, None, "octo/other", 1) is None


def test_new_name_of_the_same_id_is_learned() -> None:
    assert learned(STACK, KNOWN, "acme/store", 1) == RENAMED
    assert learned(STACK, RENAMED, "acme/shop", 1) == replace(RENAMED, name="acme/shop")


def test_another_id_never_becomes_the_repository() -> None:
    taken = learned(STACK, KNOWN, "octo/shop", 99)
    assert taken == replace(KNOWN, replaced_by=99)
    assert learned(STACK, taken, "acme/store", 1) == RENAMED, "the renamed one is found again"
    assert learned(STACK, RENAMED, "octo/shop", 99) == RENAMED, "the old name is of no interest any more"
    assert learned(STACK, KNOWN, "octo/other", 98) == KNOWN


@pytest.mark.parametrize(
    ("name", "id_", "accepted"),
    [("acme/store", 1, True), ("octo/shop", 1, True), ("octo/shop", 99, False), ("acme/store", 99, False)],
)
def test_known_id_decides_not_the_name(name: str, id_: int, accepted: bool) -> None:
    event = replace(EVENT, repository=name, repository_id=id_)
    for known in (KNOWN, RENAMED):
        assert (reason_to_ignore(event, identified(STACK, known)) is None) is accepted


def test_refused_namesake_names_the_line_to_write() -> None:
    reason = reason_to_ignore(replace(EVENT, repository_id=99), identified(STACK, KNOWN))
    assert reason is not None
    assert "`repository_id: 99`" in reason


def test_another_repository_in_the_stack_file_forgets_the_id() -> None:
    other = a_stack(repository="octo/other")
    assert known_for(other, KNOWN) is None
    assert reason_to_ignore(EVENT, identified(other, KNOWN)) is not None
    assert learned(other, KNOWN, "octo/other", 7) == KnownRepository("octo/other", 7, "octo/other")


def test_new_name_in_the_stack_file_keeps_the_id_and_ends_the_alarm() -> None:
    (alarm,) = repository_alarms(STACK, RENAMED)
    assert alarm.kind == "repository_renamed"
    assert "`repository: acme/store`" in alarm.text
    corrected = a_stack(repository="acme/store", source="https://github.com/acme/store.git")
    assert repository_alarms(corrected, RENAMED) == []
    assert identified(corrected, RENAMED).repository_id == 1


def test_alarm_of_a_namesake_names_both_ways_out() -> None:
    (alarm,) = repository_alarms(STACK, replace(KNOWN, replaced_by=99))
    assert alarm.kind == "repository_replaced"
    assert "`repository_id: 99`" in alarm.text
    assert repository_alarms(a_stack(repository_id=99), replace(KNOWN, replaced_by=99)) == []


def test_id_in_the_stack_file_wins() -> None:
    pinned = a_stack(repository_id=99)
    assert identified(pinned, KNOWN).repository_id == 99
    assert reason_to_ignore(EVENT, identified(pinned, None)) is not None
    assert learned(pinned, KNOWN, "acme/store", 99) == KnownRepository("octo/shop", 99, "acme/store")


def test_no_alarm_without_a_known_id() -> None:
    assert repository_alarms(STACK, None) == []
    assert repository_alarms(STACK, KNOWN) == []
    assert repository_alarms(STACK, replace(KNOWN, name="Octo/SHOP")) == []


@pytest.mark.parametrize(
    ("source", "renamed"),
    [
        ("https://github.com/octo/shop.git", "https://github.com/acme/store.git"),
        ("https://user:pw@git.example.org/scm/Octo/Shop", "https://user:pw@git.example.org/scm/acme/store"),
        ("ssh://git@github.com/octo/shop.git", "ssh://git@github.com/acme/store.git"),
        ("git@github.com:octo/shop.git", "git@github.com:acme/store.git"),
        ("https://mirror.example.org/shop.git", "https://mirror.example.org/shop.git"),
        ("https://mirror.example.org/x-octo/shop.git", "https://mirror.example.org/x-octo/shop.git"),
        ("/srv/octo/shop", "/srv/octo/shop"),
        ("file:///srv/octo/shop.git", "file:///srv/octo/shop.git"),
    ],
)
def test_fetch_uses_the_present_name(source: str, renamed: str) -> None:
    stack = a_stack(source=source)
    assert renamed_source(stack, RENAMED) == renamed
    assert renamed_source(stack, KNOWN) == source
    assert renamed_source(stack, None) == source


@pytest.mark.parametrize(
    "name",
    [
        "acme/..",
        "acme/.",
        "../..",
        "acme/store/x",
        "acme/store?a",
        "-o/store",
        "acme/a\nb",
        "acme/\x1b[31m",
        "acme",
        "",
    ],
)
def test_name_that_no_repository_has_is_not_used(name: str) -> None:
    """Names become part of URLs, of commands and of messages."""
    assert learned(STACK, KNOWN, name, 1) == KNOWN
    assert learned(STACK, RENAMED, name, 1) == RENAMED
    assert delivered(STACK, KNOWN, name, 1) == KNOWN
