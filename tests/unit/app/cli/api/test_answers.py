import httpx
import pytest

from app.cli.api.answers import problem
from app.cli.errors import CannotReach, CommandError, Exit, NotAllowed, Refused, WrongUse, exit_code


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, WrongUse, 2),
        (401, NotAllowed, 4),
        (403, NotAllowed, 4),
        (404, Refused, 1),
        (409, Refused, 1),
        (422, WrongUse, 2),
        (423, NotAllowed, 4),
        (500, Refused, 1),
        (502, Refused, 1),
        (503, CannotReach, 3),
        (504, CannotReach, 3),
    ],
)
def test_each_answer_has_its_exit_code(status: int, kind: type[CommandError], code: int) -> None:
    error = problem(httpx.Response(status, json={"error": "why.", "code": "a_word"}))
    assert (type(error), exit_code(error), error.code) == (kind, Exit(code), "a_word")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 423, 500, 502, 503])
def test_error_states_cause_traffic_and_next_step(status: int) -> None:
    error = problem(httpx.Response(status, json={"error": "why", "code": "a_word"}))
    assert error.detail
    assert "raffic" in error.traffic
    assert error.todo
    assert str(error) == f"{error.detail} {error.traffic} {error.todo}"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, text="<html>"),
        httpx.Response(500, json=["x"]),
        httpx.Response(302, text=""),
        httpx.Response(404, json={"error": "Not Found", "code": "not_found"}),
    ],
)
def test_foreign_answer_is_an_unreachable_updater(answer: httpx.Response) -> None:
    error = problem(answer)
    assert isinstance(error, CannotReach)
    assert "UPDATER_URL" in str(error)


def test_unreadable_secret_file_is_not_blamed_on_redis() -> None:
    error = problem(httpx.Response(503, json={"error": "The file cannot be read.", "code": "secret_unavailable"}))
    assert isinstance(error, CannotReach)
    assert "Redis" not in str(error)
    assert "Its log says why" in error.todo


def test_error_text_has_no_terminal_escapes() -> None:
    assert "\x1b" not in str(problem(httpx.Response(423, json={"error": "\x1b[2Jpaused", "code": "paused"})))
