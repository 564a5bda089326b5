"""Output and exit codes of the commands."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from app.cli.errors import CommandError, Exit, exit_code
from app.cli.views.text import document, plain
from app.domain.errors import UpdaterError


def write(line: str) -> None:
    """Writes one line to standard output and flushes it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@contextmanager
def ending(*, as_json: bool) -> Iterator[None]:
    """Reports an error of the updater: text on standard error, JSON on standard output, and the exit code."""
    try:
        yield
    except UpdaterError as error:
        if as_json:
            write(document(_error_view(error)))
        complain(f"updater: {plain(error)}")
        raise typer.Exit(exit_code(error)) from None
    except KeyboardInterrupt:
        complain("updater: no longer following. The rollout continues; follow it with `updater status --watch`.")
        raise typer.Exit(Exit.INTERRUPTED) from None


def _error_view(error: UpdaterError) -> dict[str, Any]:
    """`error` and `code`, and for errors of the command line `traffic` and `todo`."""
    if isinstance(error, CommandError):
        return {"error": error.detail, "code": error.code, "traffic": error.traffic, "todo": error.todo}
    return {"error": str(error), "code": error.code}
