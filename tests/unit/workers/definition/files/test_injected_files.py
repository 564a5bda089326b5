"""Which files Compose copies into a container before it starts it."""

from typing import Any

import pytest

from workers.definition.files.injected_files import InjectedFile, injected_files

MODEL: dict[str, Any] = {
    "secrets": {"token": {"environment": "TOKEN"}, "key": {"file": "/live/key"}, "empty": {"environment": "EMPTY"}},
    "configs": {"site": {"content": "inline"}, "costs": {"content": "it costs $$5"}},
}


def of(**service: Any) -> list[InjectedFile]:
    return injected_files({"services": {"bot": service}, **MODEL}, "bot", {"TOKEN": "hunter2", "EMPTY": ""})


@pytest.mark.parametrize(
    ("use", "file"),
    [
        ({}, InjectedFile("/run/secrets/token", "hunter2")),
        ({"target": "named"}, InjectedFile("/run/secrets/named", "hunter2")),
        ({"target": "/etc/token", "mode": "0400"}, InjectedFile("/etc/token", "hunter2", 0o400)),
        ({"mode": 0o440}, InjectedFile("/run/secrets/token", "hunter2", 0o440)),
        ({"mode": "0000"}, InjectedFile("/run/secrets/token", "hunter2", 0)),
        ({"uid": "1000"}, InjectedFile("/run/secrets/token", "hunter2", owner=(1000, 0))),
        ({"gid": "7"}, InjectedFile("/run/secrets/token", "hunter2", owner=(0, 7))),
    ],
)
def test_secret_has_the_place_and_rights_of_its_use(use: dict[str, str | int], file: InjectedFile) -> None:
    assert of(secrets=[{"source": "token", **use}]) == [file]


def test_config_is_at_the_root() -> None:
    assert of(configs=[{"source": "site"}]) == [InjectedFile("/site", "inline")]
    assert of(configs=[{"source": "site", "target": "etc/site"}]) == [InjectedFile("/etc/site", "inline")]


def test_text_of_a_resolved_model_has_each_dollar_twice() -> None:
    assert of(configs=[{"source": "costs", "target": "/a$$b"}]) == [InjectedFile("/a$b", "it costs $5")]


def test_file_of_the_host_and_empty_value_are_not_copied() -> None:
    assert of(secrets=[{"source": "key"}, {"source": "empty"}]) == []
    assert of() == []


def test_owner_that_is_no_number_is_an_error() -> None:
    with pytest.raises(ValueError, match="root"):
        of(secrets=[{"source": "token", "uid": "root"}])
