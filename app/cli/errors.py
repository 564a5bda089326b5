"""Errors of a command: what happened, what it means for traffic, what to do next."""

from enum import IntEnum

from app.domain.errors import Fault, UpdaterError

UNTOUCHED = "Nothing was changed; traffic is not affected."


class Exit(IntEnum):
    """The exit codes that scripts rely on."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CANNOT_REACH = 3
    NOT_ALLOWED = 4
    INTERRUPTED = 130


class CommandError(UpdaterError):
    """The command failed."""

    code = "command_failed"
    fault = Fault.OPERATOR
    exit_code = Exit.FAILED

    def __init__(self, what: str, todo: str, *, traffic: str = UNTOUCHED, code: str | None = None) -> None:
        super().__init__(what)
        self.traffic = traffic
        self.todo = todo
        self.code = code or self.code

    def __str__(self) -> str:
        return f"{self.detail} {self.traffic} {self.todo}"


class Refused(CommandError):
    """The updater refused."""

    code = "refused"


class WrongUse(CommandError):
    """The command or its input is invalid."""

    code = "usage"
    exit_code = Exit.USAGE


class CannotReach(CommandError):
    """The updater did not answer: its web process, its worker or Redis."""

    code = "cannot_reach"
    exit_code = Exit.CANNOT_REACH


class NotAllowed(CommandError):
    """The secret or token is missing or not accepted, or the updater is paused."""

    code = "not_allowed"
    exit_code = Exit.NOT_ALLOWED


def exit_code(error: UpdaterError) -> Exit:
    """The exit code of `error`; the operator's own files and settings count as usage."""
    if isinstance(error, CommandError):
        return error.exit_code
    return Exit.USAGE if error.fault is Fault.OPERATOR else Exit.FAILED
