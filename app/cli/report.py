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
    """One line of standard output, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@contextmanager
def ending(*, as_json: bool) -> Iterator[None]:
    """Turns a named error into its sentence on standard error, its JSON on standard output, and its exit code."""
    try:
        yield
    except UpdaterError as error:
        if as_json:
            write(document(told(error)))
        complain(f"updater: {plain(error)}")
        raise typer.Exit(exit_code(error)) from None
    except KeyboardInterrupt:
        complain("updater: no longer followed. What was asked for goes on by itself: `updater status --watch`.")
        raise typer.Exit(Exit.INTERRUPTED) from None


def told(error: UpdaterError) -> dict[str, Any]:
    """`error`, `code`, and for errors of this command line `traffic` and `todo`."""
    if isinstance(error, CommandError):
        return {"error": error.detail, "code": error.code, "traffic": error.traffic, "todo": error.todo}
    return {"error": str(error), "code": error.code}
