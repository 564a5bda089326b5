"""What a release's variables are set to, and which are unset."""

import pytest

from app.domain.stack import ReleaseValue
from app.domain.tags import TagRule
from workers.definition.environment import environment_names
from workers.definition.variables import Unset, other_warnings, refusal, split, unset, values_of

WARNINGS = [
    'The "TOKEN" variable is not set. Defaulting to a blank string.',
    "The OLD variable is not set. Defaulting to a blank string.",
    "the attribute `version` is obsolete",
]


def test_values_are_those_of_the_release() -> None:
    values = values_of("v1.2.0", "a" * 40, {"TAG": ReleaseValue.TAG, "V": ReleaseValue.VERSION}, TagRule())
    assert values == {
        "TAG": "v1.2.0",
        "V": "1.2.0",
        "UPDATER_TAG": "v1.2.0",
        "UPDATER_VERSION": "1.2.0",
        "UPDATER_SHA": "a" * 40,
        "UPDATER_SHORT_SHA": "a" * 12,
    }


@pytest.mark.parametrize(
    ("web", "found"),
    [
        ({"environment": {"A": "x${TOKEN}y"}}, ("web",)),
        ({"command": ["run", "$TOKEN"]}, ("web",)),
        ({"secrets": [{"source": "s"}]}, ("web",)),
        ({"environment": {"A": "${TOKEN_FILE} $TOKENS"}}, ()),
    ],
)
def test_services_that_use_a_variable_are_found(web: dict[str, object], found: tuple[str, ...]) -> None:
    raw = {"services": {"web": web, "db": {"image": "x"}}, "secrets": {"s": {"file": "${TOKEN}"}}}
    assert unset(WARNINGS, raw) == [Unset("TOKEN", found), Unset("OLD", ())]
    assert other_warnings(WARNINGS) == WARNINGS[2:]


def test_part_of_a_value_is_not_shown() -> None:
    """`PASSWORD=pa$word` in an environment file: Compose warns of a variable `word`."""
    assert Unset("TOKEN", ("db",)).warning.startswith("nothing sets TOKEN (db), so it is empty there. Set it")
    assert "word" not in Unset("word", ()).warning
    assert "single quotes" in Unset("word", ()).warning


def test_only_a_moved_service_needs_its_variables() -> None:
    found = [Unset("A", ("web",)), Unset("B", ("db",)), Unset("C", ("db", "web")), Unset("D", ())]
    assert split(found, ["web"], ["C"]) == ([found[0]], [found[1], found[3]])


def test_variable_of_a_shell_is_no_part_of_a_password() -> None:
    needed, others = split([Unset("HOME", ()), Unset("word", ()), Unset("USER", ())], ["web"], ["USER"])
    assert [str(each) for each in needed] == ["HOME (a value in an env file)"]
    assert others == [Unset("word", ())]


def test_refusal_says_what_to_write() -> None:
    text = refusal([Unset("A", ("web", "api"))], "/srv/shop", [])
    assert text.startswith("nothing sets A (web, api). Traffic is unchanged. Add A=… to .env in /srv/shop.")
    assert "allow_unset" in text


def test_names_of_secrets_from_the_environment_are_those_of_the_services() -> None:
    model = {
        "services": {"web": {"secrets": [{"source": "a"}], "configs": [{"source": "b"}]}, "db": {}},
        "secrets": {"a": {"environment": "TOKEN"}, "unused": {"environment": "OTHER"}, "file": {"file": "/x"}},
        "configs": {"b": {"environment": "TOKEN"}, "c": None},
    }
    assert environment_names(model, ["web"]) == ["TOKEN"]
    assert environment_names(model, ["db"]) == []
