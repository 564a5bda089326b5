from typing import Any

import pytest

from workers.redaction.found import files_in_model, secrets_in_env, secrets_in_file, secrets_in_model
from workers.redaction.names import is_hidden

ENV = """
# a comment with TOKEN=inside-a-comment
DISCORD_TOKEN=abc.def-123.xyz
export POSTGRES_PASSWORD = 'cost$ 5 pounds'
SHORT_SECRET=short
MODE=production-like
DATABASE_URL=postgres://app:p%40ssword-1@db/app
HOST_PORT=8080
"""


def test_secrets_are_found_by_name_or_in_a_url() -> None:
    raw = "'cost$ 5 pounds'"
    assert set(filter(is_hidden, secrets_in_env(ENV))) == {
        *("abc.def-123.xyz", "cost$ 5 pounds", raw),
        *("p%40ssword-1", "p@ssword-1", "app:p%40ssword-1", "app:p@ssword-1"),
    }


def test_whole_file_is_secret_and_what_is_in_it() -> None:
    found = set(secrets_in_file("one line\npostgres://u:of-the-database@db/x\n"))
    assert {"one line\npostgres://u:of-the-database@db/x", "of-the-database"} <= found


@pytest.mark.parametrize(
    "service",
    [
        {"environment": {"API_TOKEN": "a$$secret"}},
        {"environment": ["API_TOKEN=a$$secret"]},
        {"build": {"args": {"API_TOKEN": "a$$secret"}}},
        {"command": ["run", "--api-token=a$$secret"]},
        {"entrypoint": "run --api-token=a$$secret"},
        {"healthcheck": {"test": ["CMD", "curl", "http://127.0.0.1/?api_key=a$$secret&x=1"]}},
        {"labels": {"any": "redis://u:a$$secret@h/0"}},
    ],
)
def test_secret_of_a_service_is_found(service: dict[str, Any]) -> None:
    assert "a$secret" in set(secrets_in_model({"services": {"api": service}}))


def test_content_of_a_config_is_read() -> None:
    model = {"configs": {"app": {"content": "listen 80\napi_key: a-secret\n"}, "file": {"file": "/a"}}}
    assert set(filter(is_hidden, secrets_in_model(model))) == {"a-secret"}
    assert (files_in_model(model, "configs"), files_in_model(model, "secrets")) == (["/a"], [])


@pytest.mark.parametrize(
    "model", [{}, {"services": None}, {"services": []}, {"services": {"a": None}}, {"configs": {"a": 1}}, []]
)
def test_model_of_another_form_has_no_secrets(model: Any) -> None:
    assert list(secrets_in_model(model)) == []
    assert files_in_model(model, "secrets") == []
