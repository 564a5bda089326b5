import json
from typing import Any

import pytest
from starlette.responses import Response
from structlog.testing import capture_logs

from app.api.requests import Apply
from app.web.internal.call import Call, Given
from app.web.internal.unknown_fields import MOST_NAMES, IgnoredFields

SECRET = "a-token-that-no-log-may-have"


async def _nothing(_: Given) -> Response:
    return Response()


APPLY = Call("POST", "/update/apply", "", _nothing, {}, body=Apply, compat=True)
UNPAUSE = Call("POST", "/update/unpause", "", _nothing, {}, compat=True)


def noted(ignored: IgnoredFields, call: Call, body: Any) -> list[dict[str, Any]]:
    with capture_logs() as lines:
        ignored.note(call, body if isinstance(body, bytes) else json.dumps(body).encode())
    return [dict(line) for line in lines]


def test_unknown_fields_are_logged_without_values() -> None:
    body = {"tag": "v1.0.0", "version": "1.0.0", "force": True, "verify_signatures": True, "github_token": SECRET}
    (line,) = noted(IgnoredFields(), APPLY, body)
    assert (line["call"], line["fields"]) == ("/update/apply", ["github_token", "verify_signatures"])
    assert SECRET not in str(line)


def test_field_is_logged_once_per_call() -> None:
    ignored = IgnoredFields()
    assert len(noted(ignored, APPLY, {"a": 1})) == 1
    assert noted(ignored, APPLY, {"a": 2}) == []
    assert [line["fields"] for line in noted(ignored, APPLY, {"a": 1, "b": 1})] == [["b"]]
    assert [line["call"] for line in noted(ignored, UNPAUSE, {"a": 1})] == ["/update/unpause"]


def test_invented_names_do_not_fill_the_memory() -> None:
    ignored = IgnoredFields()
    for start in range(0, 3 * MOST_NAMES, MOST_NAMES):
        noted(ignored, APPLY, {f"x{n}": n for n in range(start, start + MOST_NAMES)})
    assert noted(ignored, APPLY, {"one_more": 1}) == []


def test_field_name_cannot_forge_or_fill_a_line() -> None:
    (line,) = noted(IgnoredFields(), APPLY, {"a\nb\x1b[2J": 1, "y" * 500: 1})
    assert line["fields"] == ["a?b?[2J", "y" * 61 + "..."]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"1", b"\xff", b"{", b"[" * 50_000, b'{"a": ' * 5_000, b"null", b'{"n": ' + b"1" * 9_000 + b"}"],
)
def test_a_body_that_is_no_object_has_no_fields(body: bytes) -> None:
    assert noted(IgnoredFields(), UNPAUSE, body) == []
