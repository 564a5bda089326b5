"""What a person reads: what happened, what it means for their traffic, what to do next."""

from app.domain.errors import Fault, UpdaterError
from app.domain.rollout import Rollout, Status

LINES_SHOWN = 8

_NEXT = {
    Fault.RELEASE: "Publish a release that mends it and unpause, or apply the tag again with force.",
    Fault.MACHINE: "Mend what is named above, then unpause and apply the tag again.",
    Fault.OPERATOR: "Correct what is named above, then unpause and apply the tag again.",
}


def failure(step: str, error: UpdaterError) -> str:
    """`step: what happened` with the last lines that matter."""
    lines = "".join(f"\n  | {line}" for line in error.last_lines[-LINES_SHOWN:])
    return f"{step}: {error}{lines}"


def pause_reason(rollout: Rollout, fault: Fault) -> str:
    """Why no rollout starts any more after `rollout` ended without success."""
    return f"{rollout.release.tag} is not live. {rollout.error}\n{_traffic(rollout)} {_NEXT[fault]}"


def _traffic(rollout: Rollout) -> str:
    if rollout.origin is None:
        return "Nothing was live before, and nothing is now."
    live = rollout.previous.tag if rollout.previous else "what was live before"
    if rollout.status is Status.ROLLED_BACK:
        return f"Traffic is back on {live} ({rollout.origin})."
    return f"Traffic stayed on {live} ({rollout.origin}); nothing live was touched."
