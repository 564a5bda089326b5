"""What stops a running rollout: the calls of an operator, and the withdrawal of its release."""

from app.domain.errors import Cancelled, OperatorRollback, Undone, UpdaterError, Withdrawn


def cancelled() -> Cancelled:
    return Cancelled("before the flip; your traffic was not affected")


def rolled_back() -> OperatorRollback:
    return OperatorRollback("while it was on trial")


def withdrawn() -> Withdrawn:
    return Withdrawn("before the flip; your traffic was not affected. Publish a new release when it is ready")


def decision(why: UpdaterError, tag: str) -> UpdaterError:
    """What `why` makes of the release `tag`, if the state file is lost before the end of its rollout is recorded."""
    if not isinstance(why, OperatorRollback):
        return why
    return Undone(f"An operator rolled it back {why.detail}. If {tag} is good, run `updater deploy {tag}`.")


def stop_of(code: str) -> UpdaterError:
    """The reason with `code`, which the journal has of what was accepted before a restart."""
    return {Cancelled.code: cancelled, Withdrawn.code: withdrawn}.get(code, rolled_back)()
