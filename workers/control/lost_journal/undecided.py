"""Accepts again what the ledger knows and a lost journal had not decided."""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from app.domain.acceptance import withdrawn
from app.domain.errors import LedgerUnavailable, RouteNotConfirmed, Superseded, Undone
from app.domain.release import LiveRelease, Release, Trigger
from app.domain.rollout import undone_rollout
from app.domain.state import Dropped, State
from app.domain.tags import UNKNOWN_TAG, TagRule
from workers.control.dropped import dropped
from workers.control.lost_journal.found import Found, reason_of
from workers.ports import Ports

STALE_REPORTED = 100
"""How many releases older than the live one may end after a rebuild. The ledger knows thousands, long since decided."""

log = structlog.get_logger()


async def accept_undecided(ports: Ports, rule: TagRule) -> None:
    """After a rebuild, accepts the releases that the ledger knows and that the journal lost undecided.

    While the ledger or the route file cannot be read, this does nothing: call it again, also in the next process. A
    release that is older than the live one never goes live: it ends as superseded, and one that was withdrawn ends too.
    What a person forced counts as not forced, because what is live now may not be what they saw: it waits for the
    unpause, or ends at once, with what to run, if only force would let it go live. The route names the rollout that was
    undone last: its release is decided.
    """
    if not ports.journal.state.ledger_unread or not await _is_lost(ports):
        return
    try:
        known, undone = await ports.inbox.known(), undone_rollout(await ports.route.rollout())
        taken_back = await ports.inbox.withdrawals()  # last: see State.accept
    except (LedgerUnavailable, RouteNotConfirmed) as away:
        log.warning("releases that were accepted before the state file was lost are not read yet", reason=str(away))
        return
    dates = {r.tag: r.published_at for r in known if r.published_at}
    current = ports.journal.state.dated(dates).current
    live = current.dated if current else None
    stale = [r for r in known if r.trigger is not Trigger.MANUAL and rule.is_older(r.dated, live)]
    needs_force = [r for r in known if r.force and rule.read(r.dated) and rule.not_newer(r.dated, live)]
    lost = [_unforced(r) for r in known if r not in stale]
    ended = [dropped(r, _undone(r)) for r in known if r.rollout_id == undone]
    ended += [dropped(r, _needs_force(r, current)) for r in needs_force if r.rollout_id != undone]
    ended += [dropped(r, _superseded(current)) for r in stale[-STALE_REPORTED:] if r.rollout_id != undone]

    def accepted(state: State) -> State:
        again = _dismissed(state.dated(dates), ended).accept(*lost)
        return replace(withdrawn.withdraw(again, *taken_back), ledger_unread=False)

    await ports.journal.update(accepted)


async def _is_lost(ports: Ports) -> bool:
    """Whether a state file was lost: rollouts paused then. If only the ledger can say so, asks it, and pauses now."""
    state = ports.journal.state
    if state.paused or state.resumed_at is not None:
        return True
    taken = await taken_by_workers(ports)
    if taken is None:
        return False
    if all(release.key in state.known_keys for release in taken):
        await ports.journal.update(lambda s: replace(s, ledger_unread=False))
        return False
    reason = reason_of(None, State(), Found(state.active_color, state.current, good=state.last_good_tag))
    log.error("the journal was lost", reason=reason)
    ports.publisher.status(await ports.journal.update(lambda s: s.pause(reason)))
    ports.publisher.event("paused", reason=reason)
    return True


def _undone(release: Release) -> Undone:
    return Undone(
        "The route shows that its rollout was undone before the state file was lost. Your traffic stays on the release "
        f"before it. If {release.tag} is good, run `updater deploy {release.tag}` after the unpause."
    )


def _superseded(current: LiveRelease | None) -> Superseded:
    return Superseded(f"the live {current.tag if current else UNKNOWN_TAG} is newer")


def _needs_force(release: Release, current: LiveRelease | None) -> Superseded:
    return Superseded(
        f"It was forced before the state file was lost. Now {current.tag if current else UNKNOWN_TAG} is live, and "
        f"{release.tag} is not newer. Your traffic is unchanged. If you still want {release.tag}, run `updater deploy "
        f"{release.tag} --force`"
    )


def _dismissed(state: State, ended: Sequence[Dropped]) -> State:
    return state.dismiss(*(each for each in ended if each.release.key not in state.known_keys))


def _unforced(release: Release) -> Release:
    return replace(release, force=False)


async def taken_by_workers(ports: Ports) -> list[Release] | None:
    """The releases that a worker took out of the ledger: it wrote a state file. None if the ledger cannot be read.

    What waits is read last: a release that is accepted in between waits, and is not among the known ones.
    """
    try:
        known = await ports.inbox.known()
        waiting = {release.key for release in await ports.inbox.pending()}
    except LedgerUnavailable:
        return None
    return [release for release in known if release.key not in waiting]
