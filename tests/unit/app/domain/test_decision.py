from app.domain.decision import Decision, decide
from app.domain.release import Trigger
from app.domain.state import State
from tests.examples import a_live, a_release

OLD, NEW, NEWEST = a_release("v1.1.0"), a_release("v1.2.0"), a_release("v1.10.0")


def test_nothing_is_wanted_when_nothing_was_accepted() -> None:
    assert decide(State(current=a_live())) == Decision()


def test_the_first_release_of_all_goes() -> None:
    assert decide(State(accepted=(OLD,))) == Decision(go=OLD)


def test_the_newest_goes_and_the_others_are_superseded_with_the_reason() -> None:
    decision = decide(State(current=a_live("v1.0.0"), accepted=(OLD, NEWEST, NEW)))
    assert decision.go == NEWEST
    assert decision.superseded == ((OLD, "v1.10.0 is newer"), (NEW, "v1.10.0 is newer"))


def test_the_newest_is_told_by_semver_and_not_by_its_arrival() -> None:
    late_fix = a_release("v1.1.1", after=3600)
    assert decide(State(accepted=(NEW, late_fix))).go == NEW


def test_of_equal_versions_the_later_one_goes() -> None:
    again = a_release("1.2.0", after=1)
    assert decide(State(accepted=(again, NEW))).go == again


def test_what_is_older_than_the_live_release_or_equal_to_it_never_goes() -> None:
    same = a_release("v1.2.0+rebuilt")
    decision = decide(State(current=a_live("v1.2.0"), accepted=(OLD, same)))
    assert decision == Decision(
        superseded=((OLD, "the live v1.2.0 is newer"), (same, "v1.2.0 is already live")),
    )


def test_a_release_goes_where_its_prerelease_is_live() -> None:
    assert decide(State(current=a_live("v1.2.0-rc.1"), accepted=(NEW,))).go == NEW


def test_while_paused_releases_are_held() -> None:
    state = State(current=a_live("v1.1.0"), accepted=(OLD, NEW, NEWEST), paused=True)
    decision = decide(state)
    assert decision.go is None
    assert decision.held == (NEW, NEWEST)
    assert [release for release, _ in decision.superseded] == [OLD]


def test_a_forced_release_goes_first_while_paused_and_older_than_the_live_one() -> None:
    forced = a_release("v0.9.0", force=True, trigger=Trigger.MANUAL)
    state = State(current=a_live("v1.0.0"), accepted=(NEW, forced), paused=True)
    assert decide(state) == Decision(go=forced, held=(NEW,))


def test_of_two_forced_releases_the_later_one_goes() -> None:
    first, second = a_release("v2.0.0", force=True), a_release("v1.0.0", force=True)
    decision = decide(State(accepted=(first, second)))
    assert decision.go == second
    assert decision.superseded == ((first, "a later forced apply of v1.0.0 took its place"),)


def test_where_automatic_updates_are_off_a_webhook_release_is_held() -> None:
    assert decide(State(accepted=(OLD, NEW)), enabled=False) == Decision(held=(OLD, NEW))


def test_where_automatic_updates_are_off_a_manual_release_goes() -> None:
    manual = a_release("v1.2.0", trigger=Trigger.MANUAL)
    assert decide(State(accepted=(OLD, manual)), enabled=False).go == manual


def test_where_automatic_updates_are_off_a_held_newer_release_does_not_block_a_manual_one() -> None:
    manual = a_release("v1.1.0", key="manual:1", trigger=Trigger.MANUAL)
    assert decide(State(accepted=(NEW, manual)), enabled=False).go == manual
