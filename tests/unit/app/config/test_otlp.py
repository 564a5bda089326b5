from pathlib import Path

import pytest

from app.config.otlp import secrets_in
from app.config.settings import WorkerSettings
from app.domain.errors import SettingsInvalid

NEEDED = {"REDIS_URL": "redis://h", "UPDATER_TRAEFIK_DYNAMIC_PATH": "/routes"}

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


def settings(**environ: str) -> WorkerSettings:
    return WorkerSettings.from_environ(NEEDED | environ)


def test_without_an_endpoint_nothing_is_traced() -> None:
    assert (settings().otlp_endpoint, settings().otlp_headers) == (None, {})


@pytest.mark.parametrize("endpoint", ["http://collector:4318", "https://otlp.example.org/otlp/"])
def test_endpoint_is_a_base_url(endpoint: str) -> None:
    assert settings(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint).otlp_endpoint == endpoint


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "base URL of a collector"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://ada:geheim@collector", "OTEL_EXPORTER_OTLP_HEADERS"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector?key=geheim", "OTEL_EXPORTER_OTLP_HEADERS"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/v1/traces", "before /v1/traces"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "should be http/protobuf"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "geheim", "entry 1 should be name=value"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=b,x y=geheim", "entry 2 should be name=value"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=geheim%0d%0ab", "entry 1 should be name=value"),
    ],
)
def test_wrong_values_are_named_without_secrets(name: str, value: str, why: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        settings(**ENDPOINT | {name: value})
    assert f"{name}: " in str(refused.value)
    assert why in str(refused.value)
    assert "geheim" not in str(refused.value)


def test_headers_are_read_as_other_exporters_do(tmp_path: Path) -> None:
    headers = {"authorization": "Bearer a b", "x-scope": "7"}
    text = "Authorization=Bearer%20a%20b, X-Scope = 7"
    assert settings(**ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS=text).otlp_headers == headers
    (tmp_path / "headers").write_text(text + "\n")
    assert settings(**ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS_FILE=str(tmp_path / "headers")).otlp_headers == headers
    assert "Bearer" not in repr(settings(OTEL_EXPORTER_OTLP_HEADERS=text))


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_EXPORTER_OTLP_HEADERS", "what others read")]
)
def test_what_other_programs_read_stops_no_worker_that_sends_no_traces(name: str, value: str) -> None:
    assert settings(**{name: value}).otlp_headers == {}


def test_token_without_its_scheme_is_a_secret() -> None:
    assert list(secrets_in({"authorization": "Bearer geheim", "x-scope": "7"})) == [
        "Bearer geheim",
        "Bearer",
        "geheim",
        "7",
    ]
