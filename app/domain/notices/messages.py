"""Messages for people: what happened, what it means for traffic, what to do next."""

from datetime import datetime

from app.domain.acceptance.decision import HeldRelease, Hold
from app.domain.errors import AdoptionRefused, Fault, UpdaterError
from app.domain.required_checks import JudgedChecks
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import Color

LINES_SHOWN = 8
SHA_SHOWN = 12

_NEXT_STEP = {
    Fault.RELEASE: "Publish a release that fixes it and unpause, or apply the tag again with force.",
    Fault.MACHINE: "Fix the problem above, then unpause and apply the tag again.",
    Fault.OPERATOR: "Unpause when releases may go live again. To deploy this tag anyway, apply it by hand.",
}
_FORWARD = (
    "Publish a release that fixes it and unpause. `updater rollback --force` forces the rollback. Check first that its "
    "migrations are reversible."
)


_HELD = {
    Hold.PAUSED: "{tag} is waiting: rollouts are paused. `updater unpause` starts the newest waiting release.",
    Hold.RETRY: "{tag} failed because of the machine or the network. It is tried again at {until}. If it succeeds, the "
    "pause ends. Traffic stays on the live release. `updater unpause` starts it now.",
    Hold.AUTOMATIC_OFF: "{tag} is waiting: automatic updates are off (AUTO_UPDATE_ENABLED). `updater deploy {tag}` "
    "starts it.",
    Hold.CHECKS: "{tag} is waiting for the checks of its commit. {checks} Traffic stays on the live release. "
    "`updater deploy {tag}` starts it without them.",
    Hold.APPROVAL: "{tag} is waiting for approval. Traffic stays on the live release. Run `updater approve {tag}`, or "
    "use the button on the dashboard.",
    Hold.WINDOW: "{tag} is waiting for the next deploy window, which opens at {until}. It then starts automatically. "
    "`updater deploy {tag}` starts it now.",
}
_FOR_COMMIT = (
    "{tag} ({commit}) is waiting for approval. Traffic stays on the live release. Run `updater approve {tag}`, or use "
    "the button on the dashboard. The approval is for that commit."
)
_MOVED = (
    "The tag {tag} moved from {before} to {commit}, so it is waiting for a new approval. Traffic stays on the live "
    "release. Compare the two commits. To let {commit} go live, run `updater approve {tag}`, or use the button on the "
    "dashboard."
)


def held(held: HeldRelease) -> str:
    """What a release is waiting for, and how to start it."""
    release, until = held.release, f"{held.until:%Y-%m-%d %H:%M} UTC" if held.until else ""
    if held.why is Hold.APPROVAL and release.commit:
        text = _MOVED if release.moved_from else _FOR_COMMIT
        before = (release.moved_from or "")[:SHA_SHOWN]
        return text.format(tag=release.tag, before=before, commit=release.commit[:SHA_SHOWN])
    known = release.checks if not release.has_unknown_checks else None
    checks = known.text if known else "GitHub has not been asked yet."
    return _HELD[held.why].format(tag=release.tag, until=until, checks=checks)


def checks_unknown(tag: str, checks: JudgedChecks) -> str:
    """The text of the alarm while a release waits for checks that may never become green."""
    return (
        f"{tag} is waiting for the checks of its commit. Traffic stays on the live release. {checks.text} "
        f"`updater deploy {tag}` starts it without them."
    )


def red_checks(tag: str, checks: JudgedChecks) -> str:
    """Why a release with a red check was refused, and what to do; no full stop at its end."""
    rerun = f"re-run the job on GitHub and then run `updater deploy {tag}`"
    return f"{checks.text}. Publish a release that fixes it, or {rerun}"


def failure(step: str, error: UpdaterError) -> str:
    """`step: what happened`, then the last lines of output."""
    lines = "".join(f"\n  | {line}" for line in error.last_lines[-LINES_SHOWN:])
    return f"{step}: {error}{lines}"


def pause_reason(rollout: Rollout, retry_at: datetime | None = None) -> str:
    """Why rollouts are paused after `rollout` ended. `retry_at`: when its release is tried again."""
    tag = rollout.release.tag
    if retry_at is not None:
        return f"{outcome(rollout)} It is tried again from {retry_at:%H:%M} UTC on. If it succeeds, the pause ends."
    if rollout.status is RolloutStatus.SUCCESS:
        return f"An operator rolled back to {tag}, which is live. Unpause to let newer releases go live again."
    fault = rollout.fault or Fault.MACHINE
    return f"{outcome(rollout)} {_FORWARD if rollout.stays else _NEXT_STEP[fault]}"


def not_adopted(refused: AdoptionRefused) -> str:
    """Why the updater could not adopt the running stack."""
    return (
        f"The updater has not taken over the running stack: {refused.detail}. Traffic is unchanged, and no release "
        "goes live. Fix the problem and check it with `updater doctor`, then unpause."
    )


def adopted_without_journal(lost: str, tag: str, color: Color) -> str:
    """The pause reason when the state file was unreadable and a running stack was adopted."""
    return (
        f"{lost} The updater adopted the running stack: {tag} on {color}. Traffic is unchanged. Check that this is "
        "right, and whether rollouts were paused before and why; then unpause."
    )


def adopted_what_moved(before: str, tag: str, color: Color) -> str:
    """The pause reason when another program rolled out a release after `before`, the updater's last one."""
    return (
        f"Another program moved your traffic to {color}, and {before}, the updater's last release, is unhealthy. The "
        f"updater adopted what serves now: {tag} on {color}. Traffic is unchanged. Make sure that the other program "
        "no longer runs, then unpause."
    )


def outcome(rollout: Rollout) -> str:
    """What went wrong with `rollout`, and where the traffic is."""
    if rollout.stays:
        return f"{rollout.release.tag} failed and stays live. {rollout.error}\n{_stays(rollout)}"
    return f"{rollout.release.tag} is not live. {rollout.error}\n{_traffic(rollout)}"


def unwell(tag: str) -> str:
    """The text of the alarm while a failed release has the traffic."""
    return (
        f"{tag} failed its rollout and cannot be rolled back, so it has your traffic. Look at its logs now, and "
        "publish a release that fixes it. `updater rollback --force` forces the rollback."
    )


def _traffic(rollout: Rollout) -> str:
    if rollout.past_flip and rollout.status is RolloutStatus.FAILED:
        return (
            f"The route could not be confirmed on either color. {rollout.target} and the color that was live before "
            "both still run. Check Traefik and the route file first."
        )
    if rollout.reason_code == AdoptionRefused.code:
        return "Traffic is unchanged: the containers that ran before the updater still serve it."
    if rollout.origin is None:
        return f"Nothing was live before, and nothing is live now.{_left_behind(rollout)}"
    live = rollout.previous.tag if rollout.previous else "the previous release"
    if rollout.status is RolloutStatus.ROLLED_BACK:
        return f"Traffic is back on {live} ({rollout.origin})."
    return f"Traffic stayed on {live} ({rollout.origin}); nothing live was touched.{_left_behind(rollout)}"


def _stays(rollout: Rollout) -> str:
    live = rollout.previous.tag if rollout.previous else "the previous release"
    seen = "" if rollout.flipped else f" The flip was not confirmed: {live} still runs beside it. Check Traefik first."
    return f"It cannot be rolled back, so traffic stays on it ({rollout.target}), healthy or not.{seen}"


def _left_behind(rollout: Rollout) -> str:
    begun = ", ".join(rollout.commands_begun)
    return f" Changes that {begun} made outside the stack are not undone." if begun else ""
