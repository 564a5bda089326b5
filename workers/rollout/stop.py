"""The calls of an operator that stop a running rollout."""

from app.domain.errors import Cancelled, OperatorRollback, UpdaterError


def cancelled() -> Cancelled:
    return Cancelled("before the flip; your traffic was not affected")


def rolled_back() -> OperatorRollback:
    return OperatorRollback("while it was on trial")


def stop_of(code: str) -> UpdaterError:
    """The reason with `code`, which the journal has of a call that was accepted before a restart."""
    return cancelled() if code == Cancelled.code else rolled_back()
