"""What must hold for the journal."""

from app.domain.errors import Cancelled, ChecksRefused, Superseded
from app.domain.release import LiveRelease
from app.domain.state import State
from tests.simulation.invariants.checks import asked, on_write
from tests.simulation.observation.observed import Observed, Write


@asked(on_write)
def no_rollout_begins_while_paused(seen: Observed, write: Write) -> str | None:
    """[C] Only a forced release begins while rollouts are paused."""
    begun = write.begun
    if begun is None or begun.release.force or write.afresh:
        return None
    if write.before.paused or write.after.paused:
        return f"{begun.release.tag} begins, but rollouts are paused: {write.before.pause_reason}"
    return None


@asked(on_write)
def only_an_operator_unpauses(seen: Observed, write: Write) -> str | None:
    """[E] A pause lasts until an operator unpauses, also across restarts and a lost state file."""
    if not write.before.paused or write.after.paused or seen.unpauses or write.failed:
        return None
    if write.afresh and write.after.current is None and not seen.world.publisher.entries:
        return None  # nothing on the machine says that there ever was a release
    return f"nobody unpaused, but the pause is gone: {write.before.pause_reason}"


@asked(on_write)
def a_lost_state_file_pauses(seen: Observed, write: Write) -> str | None:
    """[E] What replaces a state file that was lost says so, before anything else is written.

    A process that wrote the lost state itself goes on from its memory, for example in a write in which it was
    suspended: nothing is lost.
    """
    if not write.afresh or write.own or write.after.paused or write.before == State():
        return None
    if write.after.current is None and not seen.world.publisher.entries:
        return None  # nothing on the machine says that there ever was a release
    if write.after.epoch < write.before.epoch:
        return None  # a suspended worker of an earlier epoch writes over a file that says nothing about epochs
    return "the state file was lost, but the new one is not paused"


@asked(on_write)
def the_journal_forgets_nothing(seen: Observed, write: Write) -> str | None:
    """[C] A write keeps what the write before it recorded."""
    if write.afresh or write.failed:
        return None
    before, after = write.before, write.after
    if forgotten := before.known_keys - after.known_keys - set(before.decided):
        return f"forgotten: {', '.join(sorted(forgotten))}"
    then, now = before.rollout, after.rollout
    if then is None or now is None or then.id != now.id or then.started_at != now.started_at:
        return None
    done = now.completed
    gone = [step.name for step in then.steps if step.completed and step.id not in done]
    lost = (then.sha and not now.sha) or (then.stopping and not now.stopping) or set(then.replaced) - set(now.replaced)
    lost = lost or set(then.followed) - set(now.followed)
    return f"{then.id} forgets {gone or 'a commit, a call or a bot'}" if gone or lost else None


@asked(on_write)
def only_what_served_becomes_live(seen: Observed, write: Write) -> str | None:
    """[D, F] A release becomes live by a rollout, or because the route leads to it; else it was live already."""
    before, after = write.before, write.after
    if after.current is None or after.current == before.current:
        return None
    ended = before.rollout is not None and not write.afresh and before.rollout.id == after.current.rollout_id
    if ended or after.active_color in {seen.served, seen.world.route.named}:
        return None
    if after.current.rollout_id in seen.ever_live:
        return None
    return f"{after.current.tag} becomes live on {after.active_color}, but it never had traffic"


@asked(on_write)
def what_was_dropped_never_begins(seen: Observed, write: Write) -> str | None:
    """[C] A release that was reported as cancelled, superseded or refused for a red check does not go live."""
    begun = write.begun
    if begun is None or write.afresh:
        return None
    entry = next((e for e in seen.world.publisher.entries if e.rollout_id == begun.id), None)
    if entry is not None and {entry.result, entry.reason_code} & {Cancelled.code, Superseded.code, ChecksRefused.code}:
        return f"{begun.id} begins, but its history says {entry.reason_code}"
    return None


@asked(on_write)
def what_the_route_shows_as_undone_never_begins(seen: Observed, write: Write) -> str | None:
    """[C] A release whose rollout was undone, as the route showed when the state file was lost, does not return.

    Another program may have replaced the route file; without the ledger, nothing connects the rollout to a release.
    """
    begun, unknown = write.begun, seen.happened["route_overwritten"] or seen.happened["redis_lost"]
    if begun is None or begun.id not in seen.undone or unknown:
        return None
    return f"{begun.id} begins, but the route showed that it was undone when the state file was lost"


@asked(on_write)
def a_release_begins_after_its_checks_are_green(seen: Observed, write: Write) -> str | None:
    """[H] A release that GitHub sent begins only after the checks of its commit were green."""
    begun = write.after.rollout
    if begun is None or write.before.rollout is not None or write.afresh or begun.release.asked_for:
        return None
    checks = begun.release.checks
    if seen.world.stack.policy.require_checks is None or (checks and checks.sha in seen.green):
        return None
    return f"{begun.release.tag} begins, but its checks were never green: {begun.release.checks}"


@asked(on_write)
def no_later_epoch_is_overwritten(seen: Observed, write: Write) -> str | None:
    """[B, E] A worker that was replaced writes nothing."""
    if write.after.epoch >= write.before.epoch or write.afresh:
        return None
    return f"epoch {write.before.epoch} is overwritten by epoch {write.after.epoch}"


@asked(on_write)
def a_release_begins_once(seen: Observed, write: Write) -> str | None:
    """[C] A rollout begins only for a release that was accepted and not decided.

    A decision whose write was reported as a failure, such as that of a cancel, was answered as one: it does not count.
    """
    begun = write.begun
    if begun is None or write.afresh:
        return None
    waiting = (*write.before.accepted, *(seen.counted.accepted if write.failed else ()))
    if not any(r.key == begun.release.key for r in waiting):
        return f"{begun.release.tag} ({begun.id}) begins, but it was not waiting"
    if seen.ends.get(begun.id):
        return f"{begun.id} begins, but it has ended: {seen.ends[begun.id]}"
    return None


@asked(on_write)
def a_rollout_ends_once(seen: Observed, write: Write) -> str | None:
    """[C] A rollout has one end."""
    twice = {rollout: ends for rollout, ends in seen.ends.items() if len(ends) > 1}
    return f"ended twice: {twice}" if twice else None


@asked(on_write)
def a_success_runs_its_release(seen: Observed, write: Write) -> str | None:
    """[H] When a rollout succeeds, every routed copy of its color is of its commit, and none is missing."""
    now, color = write.after.current, write.after.active_color
    if now is None or color is None or write.before.rollout is None or write.after.rollout is not None:
        return None
    if write.before.current == now or write.afresh:
        return None
    for service in seen.live_stack.routed:
        shas = [c.stamp.sha for c in seen.world.engine.containers(service.colors[color])]
        if shas != [now.sha] * _copies(seen, service.colors[color], now):
            return f"{now.tag} is live on {color}, but {service.colors[color]} is of {shas}"
    return None


def _copies(seen: Observed, service: str, live: LiveRelease) -> int:
    """How many copies run of a release; of one that was adopted, those that were found."""
    if live.adopted:
        return len(seen.world.engine.containers(service))
    return seen.world.engine.copies_of(service, live.tag)


@asked(on_write)
def the_way_back_is_kept(seen: Observed, write: Write) -> str | None:
    """[F] After each success, the release that was live before can be restored without a build."""
    if write.before.rollout is None or write.after.rollout is not None or write.afresh:
        return None
    if write.before.current == write.after.current:
        return None
    return no_way_back(seen)


def no_way_back(seen: Observed) -> str | None:
    state = seen.state
    current, color = state.current, state.active_color
    if current is None or color is None or not [sha for sha in seen.shas_live if sha != current.sha]:
        return None
    previous = state.previous
    if previous is None or previous.sha == current.sha:
        return f"{current.tag} is live, and no other release is kept, but there was one"
    part = seen.stack_of(previous.sha)
    # an adopted release is not brought back without a container that it did not have when it was adopted
    services = [s.colors[color.other] for s in part.routed] if previous.adopted else part.services(color.other)
    gone = seen.world.engine.lacks(previous.sha, services)
    return f"{current.tag} is live; {previous.tag} cannot be restored without {', '.join(gone)}" if gone else None
