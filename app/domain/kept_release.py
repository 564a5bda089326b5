"""The release that a rollback brings back."""

from app.domain.errors import AlreadyLive, ReleaseNotKept
from app.domain.release import LiveRelease
from app.domain.state import State

SHA_DIGITS = 7
"""The minimum number of digits of a SHA that identifies a release."""


def kept_release(state: State, sha: str | None) -> LiveRelease:
    """Returns the release before the current one, if `sha` (its first SHA_DIGITS or more) names it or is None.

    Raises ReleaseNotKept; AlreadyLive if `sha` names the current release.
    """
    previous, current = state.previous, state.current
    if sha is not None and len(sha) < SHA_DIGITS:
        raise ReleaseNotKept(f"{sha!r} is too short. Give at least {SHA_DIGITS} digits.")
    if sha is not None and current is not None and current.sha.startswith(sha):
        raise AlreadyLive(f"{current.tag} ({sha}) is already live")
    if previous is None:
        raise ReleaseNotKept("no release was live before the current one")
    if sha is not None and not previous.sha.startswith(sha):
        raise ReleaseNotKept(f"{sha} is not kept; {previous.tag} ({previous.sha[:12]}) is. Apply its tag to build it.")
    return previous
