"""Every error of the updater: one root class, a stable code, and whose fault it is."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from app.domain.long_lines import OUTPUT_LINE_BYTES, shortened


class Fault(StrEnum):
    """Who has to fix an error."""

    RELEASE = "release"
    MACHINE = "machine"
    OPERATOR = "operator"


class UpdaterError(Exception):
    """The updater could not continue.

    The first line of the docstring is the message. `detail` adds the specifics, `service` is the part of the stack,
    and `last_lines` is the end of the relevant output, each line in at most OUTPUT_LINE_BYTES. `transient`: what the
    network or a server did, in words, so that the same call may succeed later; empty if it is not that. `evidence`:
    what the failed step had found until then.
    """

    code = "updater_error"
    fault = Fault.MACHINE
    evidence: Mapping[str, Any] | None = None

    def __init__(
        self, detail: str = "", *, service: str | None = None, last_lines: Sequence[str] = (), transient: str = ""
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.transient = transient
        self.service = service
        self.last_lines = tuple(shortened(line, OUTPUT_LINE_BYTES) for line in last_lines)

    @property
    def summary(self) -> str:
        """The first sentence of the docstring, without its full stop."""
        return (self.__doc__ or self.code).strip().splitlines()[0].removesuffix(".")

    def __str__(self) -> str:
        where = f" ({self.service})" if self.service else ""
        return f"{self.summary}{where}: {self.detail}" if self.detail else f"{self.summary}{where}"


def fault_of(code: str | None) -> Fault:
    """Whose fault the error with `code` is; the machine's if no error has that code any more."""
    kind = _kind(code)
    return kind.fault if kind else Fault.MACHINE


def sentence_of(code: str | None, detail: str | None) -> str:
    """The message of an error with `code` and `detail`; only the detail if no error has that code any more."""
    kind = _kind(code)
    summary = (kind.__doc__ or kind.code).splitlines()[0].removesuffix(".") if kind else ""
    return ": ".join(part for part in (summary, detail) if part)


def _kind(code: str | None) -> type[UpdaterError] | None:
    """The most general error with `code`."""
    return next((kind for kind in _kinds(UpdaterError) if kind.code == code), None)


def _kinds(parent: type[UpdaterError]) -> Iterator[type[UpdaterError]]:
    yield from parent.__subclasses__()
    for kind in parent.__subclasses__():
        yield from _kinds(kind)


class SettingsInvalid(UpdaterError):
    """The environment has invalid settings."""

    code = "settings_invalid"
    fault = Fault.OPERATOR


class StateOfLaterVersion(UpdaterError):
    """The state file was written by a later version of the updater."""

    code = "state_of_later_version"
    fault = Fault.OPERATOR


class StateNotMoved(UpdaterError):
    """The state was not moved, and traffic is not affected."""

    code = "state_not_moved"
    fault = Fault.OPERATOR


class SecretUnavailable(UpdaterError):
    """The file with the shared secret cannot be read."""

    code = "secret_unavailable"


class StackInvalid(UpdaterError):
    """The stack file is invalid."""

    code = "stack_invalid"
    fault = Fault.OPERATOR


class TagInvalid(UpdaterError):
    """The tag has no place among this stack's releases."""

    code = "tag_invalid"
    fault = Fault.OPERATOR


class TagNotFound(UpdaterError):
    """The repository has no such tag."""

    code = "tag_not_found"
    fault = Fault.RELEASE


class TagMoved(UpdaterError):
    """The tag points to a different commit than before."""

    code = "tag_moved"
    fault = Fault.RELEASE


class SignatureRefused(UpdaterError):
    """The tag has no signature of an allowed signer."""

    code = "signature_refused"
    fault = Fault.RELEASE


class SignatureUnchecked(UpdaterError):
    """The tag's signature cannot be checked on this machine."""

    code = "signature_unchecked"


class PreflightRefused(UpdaterError):
    """The machine or the live stack is not ready for a rollout."""

    code = "preflight_refused"


class AdoptionRefused(UpdaterError):
    """The running stack cannot be adopted."""

    code = "adoption_refused"


class RepositoryReplaced(UpdaterError):
    """Another repository has the name of the stack's repository."""

    code = "repository_replaced"
    fault = Fault.OPERATOR


class GitFailed(UpdaterError):
    """A Git command failed."""

    code = "git_failed"


class ComposeInvalid(UpdaterError):
    """The release's Compose file cannot be used."""

    code = "compose_invalid"
    fault = Fault.RELEASE


class VariableMissing(UpdaterError):
    """A variable that the release needs is not set."""

    code = "variable_missing"


class FilesChanged(UpdaterError):
    """A file of the operator changed during the rollout."""

    code = "files_changed"
    fault = Fault.OPERATOR


class PolicyRefused(UpdaterError):
    """The release uses a Compose option that the stack file forbids."""

    code = "policy_refused"
    fault = Fault.RELEASE


class ChecksRefused(UpdaterError):
    """The checks of the release's commit are not green."""

    code = "checks_refused"
    fault = Fault.RELEASE


class BuildFailed(UpdaterError):
    """The images of the release could not be built or pulled."""

    code = "build_failed"
    fault = Fault.RELEASE


class BeforeFlipFailed(UpdaterError):
    """A before_flip command of the release failed."""

    code = "before_flip_failed"
    fault = Fault.RELEASE


class StartFailed(UpdaterError):
    """A service of the release could not be started."""

    code = "start_failed"
    fault = Fault.RELEASE


class NeverHealthy(UpdaterError):
    """The new color did not become healthy."""

    code = "never_healthy"
    fault = Fault.RELEASE


class RouteNotConfirmed(UpdaterError):
    """Traefik did not answer with this rollout's route."""

    code = "route_not_confirmed"


class RoutedUnhealthy(UpdaterError):
    """The new color is not healthy through Traefik."""

    code = "routed_unhealthy"
    fault = Fault.RELEASE


class SingletonNeverReady(UpdaterError):
    """The new bot did not become ready."""

    code = "singleton_never_ready"
    fault = Fault.RELEASE


class SingletonNotGone(UpdaterError):
    """The old bot did not stop, so the new one was not started."""

    code = "singleton_not_gone"


class FollowerNeverReady(UpdaterError):
    """A follower did not become ready."""

    code = "follower_never_ready"
    fault = Fault.RELEASE


class FollowerNotGone(UpdaterError):
    """A copy of a follower did not stop."""

    code = "follower_not_gone"


class BakeFailed(UpdaterError):
    """The new color failed during the bake."""

    code = "bake_failed"
    fault = Fault.RELEASE


class TrafficUnknown(UpdaterError):
    """Traefik's metrics cannot be read."""

    code = "traffic_unknown"


class EngineFailed(UpdaterError):
    """The container engine failed."""

    code = "engine_failed"


class StepTimedOut(UpdaterError):
    """A step took longer than its limit."""

    code = "step_timed_out"


class Interrupted(UpdaterError):
    """The rollout was interrupted."""

    code = "interrupted"


class Superseded(UpdaterError):
    """A newer release replaced it before the flip."""

    code = "superseded"
    fault = Fault.OPERATOR


class Cancelled(UpdaterError):
    """An operator cancelled the rollout."""

    code = "cancelled"
    fault = Fault.OPERATOR


class Withdrawn(UpdaterError):
    """The release was withdrawn on GitHub."""

    code = "withdrawn"
    fault = Fault.RELEASE


class OperatorRollback(UpdaterError):
    """An operator rolled back to the release before it."""

    code = "operator_rollback"
    fault = Fault.OPERATOR


class Undone(UpdaterError):
    """Its rollout was undone, and the record of why was lost with the state file."""

    code = "rolled_back"
    fault = Fault.OPERATOR


class ReleaseNotKept(UpdaterError):
    """No earlier release is kept to roll back to."""

    code = "release_not_kept"
    fault = Fault.OPERATOR


class AlreadyLive(ReleaseNotKept):
    """There is nothing to roll back to."""

    code = "already_live"


class CannotRollBack(UpdaterError):
    """The live release declares that it cannot be rolled back."""

    code = "cannot_roll_back"
    fault = Fault.OPERATOR


class NoNotifier(UpdaterError):
    """No notification target is configured."""

    code = "nobody_is_told"
    fault = Fault.OPERATOR


class RolloutRunning(UpdaterError):
    """A rollout is running."""

    code = "rollout_running"
    fault = Fault.OPERATOR


class TooLate(UpdaterError):
    """The rollout cannot be cancelled any more."""

    code = "too_late"
    fault = Fault.OPERATOR


class UnknownRollout(UpdaterError):
    """No rollout with that id is waiting or running."""

    code = "unknown_rollout"
    fault = Fault.OPERATOR


class NotWaiting(UpdaterError):
    """No release with that tag is waiting."""

    code = "not_waiting"
    fault = Fault.OPERATOR


class ApprovalNotNeeded(UpdaterError):
    """The release is not waiting for an approval."""

    code = "approval_not_needed"
    fault = Fault.OPERATOR


class CommitUnknown(UpdaterError):
    """The release cannot be approved, because its commit is not known."""

    code = "commit_unknown"


class InternalError(UpdaterError):
    """The updater has an internal error."""

    code = "internal_error"


class StillServes(UpdaterError):
    """The route leads to this container, so it was left as it is."""

    code = "still_serves"


class StaleWorker(UpdaterError):
    """Another worker has taken over this stack."""

    code = "stale_worker"


class LedgerUnavailable(UpdaterError):
    """Redis does not answer."""

    code = "ledger_unavailable"


class GitHubUnavailable(UpdaterError):
    """GitHub is unavailable.

    `wait`: seconds to wait before the next request. `sent`: whether GitHub may have carried out the request.
    """

    code = "github_unavailable"

    def __init__(self, detail: str, *, wait: float = 0.0, sent: bool = True) -> None:
        super().__init__(detail)
        self.wait = wait
        self.sent = sent


class GitHubRefused(UpdaterError):
    """GitHub rejected the request; the same request would be rejected again."""

    code = "github_refused"
    fault = Fault.OPERATOR

    def __init__(self, detail: str, *, status: int, advice: str | None = None) -> None:
        """`advice`: what grants access, as whole sentences, if the server is not a GitHub."""
        super().__init__(detail)
        self.status = status
        self.advice = advice


class WorkerSilent(UpdaterError):
    """The worker did not answer in time."""

    code = "worker_silent"


class DeliveryRefused(UpdaterError):
    """The delivery is not a signed release event."""

    code = "delivery_refused"
    fault = Fault.OPERATOR

    def __init__(self, detail: str, *, status: int) -> None:
        super().__init__(detail)
        self.status = status
