"""Where traces are sent. https://opentelemetry.io/docs/specs/otel/protocol/exporter/"""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

PROTOCOL = "http/protobuf"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def valid_endpoint(value: str) -> str:
    """Raises ValueError if `value` is not the base URL of a collector."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("should be the base URL of a collector, such as http://collector:4318")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("should have no credentials and no query: write them to OTEL_EXPORTER_OTLP_HEADERS")
    if parts.path.rstrip("/").endswith("/v1/traces"):
        raise ValueError("should end before /v1/traces, which the worker adds")
    return value


def valid_protocol(value: str) -> str:
    if value != PROTOCOL:
        raise ValueError(f"should be {PROTOCOL}, the only protocol here, or unset (a collector's port for it is 4318)")
    return value


def valid_headers(value: SecretStr) -> SecretStr:
    """Raises ValueError, without the value, if it is not `name=value`, with commas between several."""
    for n, pair in enumerate(_pairs(value), 1):
        name, equals, text = pair.partition("=")
        if not equals or not _NAME.fullmatch(name.strip()) or not unquote(text.strip()).isprintable():
            raise ValueError(f"entry {n} should be name=value; separate several with commas")
    return value


def headers_of(value: SecretStr | None) -> dict[str, str]:
    """Each header and its value, which may be percent-encoded."""
    pairs = (pair.partition("=") for pair in (_pairs(value) if value else []))
    return {name.strip().lower(): unquote(text.strip()) for name, _, text in pairs}


def secrets_in(headers: Mapping[str, str]) -> Iterator[str]:
    """Each value, and each of its words: in `Bearer <token>` the token is secret without its scheme too."""
    for value in headers.values():
        yield from dict.fromkeys([value, *value.split()])


def _pairs(value: SecretStr) -> list[str]:
    return [pair for pair in value.get_secret_value().split(",") if pair.strip()]
