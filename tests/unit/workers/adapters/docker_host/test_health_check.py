"""How the engine's answers are read: the command of a health check, and the output and the end of one run."""

from typing import Any

import pytest

from app.domain.long_lines import beginning
from workers.adapters.docker_host.health_check import (
    MOST_OUTPUT,
    MOST_WORDS,
    OwnCheck,
    own_check,
    result_of,
    spoken,
)


def config(*test: str, **more: Any) -> dict[str, Any]:
    return {"Healthcheck": {"Test": list(test)}, **more}


@pytest.mark.parametrize(
    ("given", "command"),
    [
        (config("CMD", "/health", "--fast"), ("/health", "--fast")),
        (config("CMD-SHELL", "curl -f localhost || exit 1"), ("/bin/sh", "-c", "curl -f localhost || exit 1")),
        (config("CMD-SHELL", "exit 0", Shell=["/bin/bash", "-ec"]), ("/bin/bash", "-ec", "exit 0")),
        (config("CMD", "true", Shell=["/bin/bash", "-ec"]), ("true",)),
    ],
)
def test_command_matches_the_engines_own(given: dict[str, Any], command: tuple[str, ...]) -> None:
    assert own_check(given) == OwnCheck(command, 30.0)


@pytest.mark.parametrize(
    "given", [{}, {"Healthcheck": None}, {"Healthcheck": {}}, config(), config("NONE"), config("SHELL", "true")]
)
def test_absent_or_disabled_check_yields_none(given: dict[str, Any]) -> None:
    assert own_check(given) is None


def test_check_keeps_its_own_timeout() -> None:
    found = own_check({"Healthcheck": {"Test": ["CMD", "true"], "Timeout": 2_500_000_000}})
    assert found == OwnCheck(("true",), 2.5)


def frame(text: str, stream: int = 1) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(text.encode()).to_bytes(4, "big") + text.encode()


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (b"", ""),
        (frame("one\n") + frame("two\n", stream=2) + frame("\n"), "two"),
        (frame("no li") + frame("ne end"), "no line end"),
        (frame("Traceback\n  in main\nValueError: é"), "ValueError: é"),
        (frame("cut off")[:-3], "cut"),
        (frame("whole\n") + b"\x01\x00\x00", "whole"),
        (frame("x" * 5000), beginning("x" * 300, MOST_WORDS, 5000)),
        (frame("one\n" + "x" * MOST_OUTPUT)[:MOST_OUTPUT], "one"),
    ],
)
def test_last_line_of_both_streams_is_reported(output: bytes, words: str) -> None:
    assert spoken(output) == words


@pytest.mark.parametrize(
    ("ended", "output", "passed", "words"),
    [
        ({"Running": False, "ExitCode": 0}, "ok", True, "exit code 0: ok"),
        ({"Running": False, "ExitCode": 1}, "", False, "exit code 1"),
        ({"Running": False, "ExitCode": None}, "", False, "exit code None"),
        ({"Running": True, "ExitCode": None}, "connecting", False, "the check did not end within 2 s: connecting"),
    ],
)
def test_only_exit_code_zero_passes(ended: dict[str, Any], output: str, passed: bool, words: str) -> None:
    result = result_of(ended, output, 2)
    assert (result.passed, result.words) == (passed, words)
