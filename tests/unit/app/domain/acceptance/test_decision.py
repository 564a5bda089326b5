from datetime import timedelta

from app.domain.acceptance.decision import Decision, HeldRelease, Hold, decide
from app.domain.release import Release, Trigger
from app.domain.required_checks import JudgedChecks, Standing
from app.domain.state import State
from tests.examples import NOW, a_live, a_release, sha_of

LATER = NOW + timedelta(hours=1)
OLD, NEW, NEWEST = a_release("v1.1.0"), a_release("v1.2.0"), a_release("v1.10.0")


def test_empty_queue_starts_nothing() -> None:
    assert decide(State(current=a_live())) == Decision()


def test_first_release_starts() -> None:
    assert decide(State(accepted=(OLD,))) == Decision(go=OLD)


def test_newest_release_supersedes_the_others() -> None:
    decision = decide(State(current=a_live("v1.0.0"), accepted=(OLD, NEWEST, NEW)))
    assert decision.go == NEWEST
    assert decision.superseded == ((OLD, "v1.10.0 is newer"), (NEW, "v1.10.0 is newer"))


def test_newest_release_is_chosen_by_semver() -> None:
    late_fix = a_release("v1.1.1", after=3600)
    assert decide(State(accepted=(NEW, late_fix))).go == NEW


def test_later_of_equal_versions_starts() -> None:
    again = a_release("1.2.0", after=1)
    assert decide(State(accepted=(again, NEW))).go == again


def test_older_or_equal_release_is_superseded() -> None:
    same = a_release("v1.2.0+rebuilt")
    decision = decide(State(current=a_live("v1.2.0"), accepted=(OLD, same)))
    assert decision == Decision(
        superseded=((OLD, "the live v1.2.0 is newer"), (same, "v1.2.0 is already live")),
    )


def test_release_replaces_its_live_prerelease() -> None:
    assert decide(State(current=a_live("v1.2.0-rc.1"), accepted=(NEW,))).go == NEW


def test_pause_holds_newer_releases() -> None:
    state = State(current=a_live("v1.1.0"), accepted=(OLD, NEW, NEWEST), paused=True)
    decision = decide(state)
    assert decision.go is None
    assert decision.held == (HeldRelease(NEW, Hold.PAUSED), HeldRelease(NEWEST, Hold.PAUSED))
    assert [release for release, _ in decision.superseded] == [OLD]


def test_forced_release_starts_despite_a_pause() -> None:
    forced = a_release("v0.9.0", force=True, trigger=Trigger.MANUAL)
    state = State(current=a_live("v1.0.0"), accepted=(NEW, forced), paused=True)
    assert decide(state) == Decision(go=forced, held=(HeldRelease(NEW, Hold.PAUSED),))


def test_later_of_two_forced_releases_starts() -> None:
    first, second = a_release("v2.0.0", force=True), a_release("v1.0.0", force=True)
    decision = decide(State(accepted=(first, second)))
    assert decision.go == second
    assert decision.superseded == ((first, "a later forced apply of v1.0.0 replaced it"),)


def test_automatic_off_holds_webhook_releases() -> None:
    held = (HeldRelease(OLD, Hold.AUTOMATIC_OFF), HeldRelease(NEW, Hold.AUTOMATIC_OFF))
    assert decide(State(accepted=(OLD, NEW)), enabled=False) == Decision(held=held)


def test_automatic_off_starts_manual_releases() -> None:
    manual = a_release("v1.2.0", trigger=Trigger.MANUAL)
    assert decide(State(accepted=(OLD, manual)), enabled=False).go == manual


def test_held_release_does_not_block_a_manual_one() -> None:
    manual = a_release("v1.1.0", key="manual:1", trigger=Trigger.MANUAL)
    assert decide(State(accepted=(NEW, manual)), enabled=False).go == manual


def test_closed_windows_hold_until_the_next_opens() -> None:
    state = State(current=a_live("v1.1.0"), accepted=(OLD, NEW, NEWEST))
    assert decide(state, opens_at=LATER) == Decision(
        superseded=((OLD, "v1.1.0 is already live"),),
        held=(HeldRelease(NEW, Hold.WINDOW, LATER), HeldRelease(NEWEST, Hold.WINDOW, LATER)),
    )
    assert decide(state).go == NEWEST


def test_closed_window_starts_a_manual_release() -> None:
    manual = a_release("v1.2.0", key="manual:1", trigger=Trigger.MANUAL)
    decision = decide(State(accepted=(OLD, manual, NEWEST)), opens_at=LATER)
    assert (decision.go, decision.held) == (manual, (HeldRelease(NEWEST, Hold.WINDOW, LATER),))
    assert decision.superseded == ((OLD, "v1.2.0 is newer"),)


def test_closed_window_lets_recovery_start() -> None:
    interrupted = a_release("v1.2.0", trigger=Trigger.RECOVERY, attempts=1)
    assert decide(State(accepted=(interrupted,)), opens_at=LATER).go == interrupted


def test_pause_holds_a_manual_release() -> None:
    manual = a_release("v1.2.0", trigger=Trigger.MANUAL)
    assert decide(State(accepted=(manual,), paused=True)) == Decision(held=(HeldRelease(manual, Hold.PAUSED),))


def test_forced_release_keeps_others_in_the_queue() -> None:
    forced = a_release("v0.9.0", force=True, trigger=Trigger.MANUAL)
    assert decide(State(accepted=(NEW, forced))) == Decision(go=forced)


def test_release_waits_for_its_approval() -> None:
    assert decide(State(accepted=(NEW,)), approval=True) == Decision(held=(HeldRelease(NEW, Hold.APPROVAL),))
    approved = a_release("v1.2.0", approved=True)
    assert decide(State(accepted=(approved,)), approval=True) == Decision(go=approved)


def test_only_the_newest_waits_for_approval() -> None:
    decision = decide(State(current=a_live("v1.0.0"), accepted=(NEW, NEWEST, OLD)), approval=True)
    assert decision.held == (HeldRelease(NEWEST, Hold.APPROVAL),)
    assert decision.superseded == (
        (NEW, "v1.10.0 is newer and is waiting too"),
        (OLD, "v1.10.0 is newer and is waiting too"),
    )


def test_approved_release_starts_before_newer_ones() -> None:
    approved = a_release("v1.2.0", approved=True)
    decision = decide(State(accepted=(OLD, approved, NEWEST)), approval=True)
    assert (decision.go, decision.held) == (approved, (HeldRelease(NEWEST, Hold.APPROVAL),))
    assert [r for r, _ in decision.superseded] == [OLD]


def test_approved_release_still_waits_for_the_window() -> None:
    approved = a_release("v1.2.0", approved=True)
    decision = decide(State(accepted=(OLD, approved, NEWEST)), approval=True, opens_at=LATER)
    assert decision.held == (HeldRelease(approved, Hold.WINDOW, LATER), HeldRelease(NEWEST, Hold.APPROVAL))
    assert decision.superseded == ((OLD, "v1.10.0 is newer and is waiting too"),)


def test_manual_and_recovered_need_no_approval() -> None:
    for trigger in (Trigger.MANUAL, Trigger.RECOVERY):
        release = a_release("v1.2.0", trigger=trigger)
        assert decide(State(accepted=(release,)), approval=True).go == release


def test_approval_overrides_automatic_off() -> None:
    waiting, approved = a_release("v1.2.0"), a_release("v1.2.0", approved=True)
    assert decide(State(accepted=(waiting,)), approval=True, enabled=False).held == (
        HeldRelease(waiting, Hold.APPROVAL),
    )
    assert decide(State(accepted=(approved,)), approval=True, enabled=False).go == approved


def test_pause_holds_an_approved_release() -> None:
    approved = a_release("v1.2.0", approved=True)
    decision = decide(State(accepted=(OLD, approved), paused=True), approval=True)
    assert decision == Decision(held=(HeldRelease(OLD, Hold.PAUSED), HeldRelease(approved, Hold.PAUSED)))


def green(tag: str) -> Release:
    return a_release(tag, checks=JudgedChecks(Standing.GREEN, sha=sha_of(tag)))


def test_release_waits_for_its_checks_before_any_other_hold() -> None:
    decision = decide(State(accepted=(NEW,)), enabled=False, approval=True, checks=True, opens_at=LATER)
    assert decision == Decision(held=(HeldRelease(NEW, Hold.CHECKS),))
    checked = green("v1.2.0")
    assert decide(State(accepted=(checked,)), approval=True, checks=True).held == (HeldRelease(checked, Hold.APPROVAL),)
    assert decide(State(accepted=(checked,)), checks=True).go == checked


def test_approval_alone_does_not_replace_green_checks() -> None:
    approved = a_release("v1.2.0", approved=True)
    assert decide(State(accepted=(approved,)), approval=True, checks=True).go is None


def test_only_green_checks_let_a_release_go() -> None:
    for standing in set(Standing) - {Standing.GREEN}:
        waiting = a_release("v1.2.0", checks=JudgedChecks(standing, "so", sha_of("v1.2.0")))
        assert decide(State(accepted=(waiting,)), checks=True).go is None
        assert decide(State(accepted=(waiting,))).go == waiting


def test_green_release_does_not_wait_for_a_newer_one() -> None:
    older = green("v1.1.0")
    decision = decide(State(accepted=(older, NEW)), checks=True)
    assert (decision.go, decision.held) == (older, (HeldRelease(NEW, Hold.CHECKS),))


def test_operator_is_not_held_by_checks() -> None:
    manual = a_release("v1.2.0", trigger=Trigger.MANUAL)
    assert decide(State(accepted=(manual,)), checks=True).go == manual


class Looked(Release):
    """A release that counts how often it is looked up."""

    looks = 0

    def __hash__(self) -> int:
        Looked.looks += 1
        return super().__hash__()


def looks_for(waiting: int) -> int:
    Looked.looks = 0
    releases = (a_release(f"v1.{n}.0", after=n) for n in range(waiting))
    decide(State(accepted=tuple(Looked(**vars(release)) for release in releases)), approval=True)
    return Looked.looks


def test_decision_grows_with_the_number_that_waits() -> None:
    assert looks_for(200) <= 2.5 * looks_for(100)
