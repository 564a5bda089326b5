"""Messages for people: what happened, what it means for traffic, what to do next."""

from app.domain.decision import HeldRelease, Hold
from app.domain.errors import AdoptionRefused, Fault, UpdaterError
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import Color

LINES_SHOWN = 8

_NEXT_STEP = {
    Fault.RELEASE: "Publish a release that fixes it and unpause, or apply the tag again with force.",
    Fault.MACHINE: "Fix what is named above, then unpause and apply the tag again.",
    Fault.OPERATOR: "Unpause when releases may go live again; apply the tag by hand if you still want it.",
}
_FORWARD = (
    "Publish a release that fixes it and unpause. `updater rollback --force` forces the rollback: check first that its "
    "migrations are reversible."
)


_HELD = {
    Hold.PAUSED: "{tag} waits: rollouts are paused. The newest release that waits starts with `updater unpause`.",
    Hold.AUTOMATIC_OFF: "{tag} waits: automatic updates are off (AUTO_UPDATE_ENABLED). `updater deploy {tag}` starts "
    "it.",
    Hold.APPROVAL: "{tag} waits to be approved: `updater approve {tag}`, or the button on the dashboard. Traffic stays "
    "on what is live.",
    Hold.WINDOW: "{tag} goes live by itself from {until} on, when the next window opens. `updater deploy {tag}` starts "
    "it now.",
}


def held(held: HeldRelease) -> str:
    """What a release waits for, and what ends that."""
    until = f"{held.until:%Y-%m-%d %H:%M} UTC" if held.until else ""
    return _HELD[held.why].format(tag=held.release.tag, until=until)


def failure(step: str, error: UpdaterError) -> str:
    """`step: what happened` with the last lines that matter."""
    lines = "".join(f"\n  | {line}" for line in error.last_lines[-LINES_SHOWN:])
    return f"{step}: {error}{lines}"


def pause_reason(rollout: Rollout) -> str:
    """Why no rollout starts any more after `rollout` ended."""
    tag = rollout.release.tag
    if rollout.status is RolloutStatus.SUCCESS:
        return f"An operator went back to {tag}, which is live. Unpause to let newer releases go live again."
    fault = rollout.fault or Fault.MACHINE
    return f"{outcome(rollout)} {_FORWARD if rollout.stays else _NEXT_STEP[fault]}"


_NOT_ADOPTED = "The updater has not taken over the running stack: "


def not_adopted(refused: AdoptionRefused) -> str:
    """Why the stack that runs is not the updater's."""
    return (
        f"{_NOT_ADOPTED}{refused.detail}. Your traffic is not touched, and no release goes live. Correct that, then "
        "unpause; `updater doctor` checks it again."
    )


def is_not_adopted(reason: str | None) -> bool:
    """Whether a pause has that reason."""
    return (reason or "").startswith(_NOT_ADOPTED)


def adopted_without_journal(lost: str, tag: str, color: Color) -> str:
    """The state file was unreadable, and a stack was found running."""
    return (
        f"{lost} The updater took over what runs: {tag} on {color}. Traffic was not touched. Check that this is right, "
        "and why rollouts may have been paused before; then unpause."
    )


def adopted_what_moved(before: str, tag: str, color: Color) -> str:
    """Another program has rolled a release out since the last one of the updater, `before`."""
    return (
        f"Another program has led your traffic to {color} and {before}, the updater's last release, is not well. The "
        f"updater took over what serves: {tag} on {color}. Traffic was not touched. Make sure that the other program "
        "does not run any more, then unpause."
    )


def outcome(rollout: Rollout) -> str:
    """Why `rollout`'s release is not live, and where the traffic is."""
    if rollout.stays:
        return f"{rollout.release.tag} failed and is live. {rollout.error}\n{_stays(rollout)}"
    return f"{rollout.release.tag} is not live. {rollout.error}\n{_traffic(rollout)}"


def unwell(tag: str) -> str:
    """What the alarm says while a release that failed has the traffic."""
    return (
        f"{tag} failed its rollout, has your traffic, and says that it cannot be rolled back. Look at its logs now, "
        "and publish a release that fixes it. `updater rollback --force` forces the rollback."
    )


def _traffic(rollout: Rollout) -> str:
    if rollout.past_flip and rollout.status is RolloutStatus.FAILED:
        return (
            f"The route could not be confirmed on either color: {rollout.target} and what was live before both still "
            "run. Look at Traefik and at the route file before anything else."
        )
    if rollout.reason_code == AdoptionRefused.code:
        return "Your traffic was not touched: what ran before the updater still serves it."
    if rollout.origin is None:
        return f"Nothing was live before, and nothing is now.{_left_behind(rollout)}"
    live = rollout.previous.tag if rollout.previous else "what was live before"
    if rollout.status is RolloutStatus.ROLLED_BACK:
        return f"Traffic is back on {live} ({rollout.origin})."
    return f"Traffic stayed on {live} ({rollout.origin}); nothing live was touched.{_left_behind(rollout)}"


def _stays(rollout: Rollout) -> str:
    live = rollout.previous.tag if rollout.previous else "what was live before"
    seen = "" if rollout.flipped else f" Traefik was not seen to follow: {live} runs beside it. Look at Traefik first."
    return f"It says that it cannot be rolled back: your traffic stays on it ({rollout.target}), well or not.{seen}"


def _left_behind(rollout: Rollout) -> str:
    begun = ", ".join(rollout.commands_begun)
    return f" What {begun} changed outside the stack is not taken back." if begun else ""
