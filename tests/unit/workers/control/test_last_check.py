"""Before a release that waited begins, GitHub and Git are asked once more."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.acceptance.decision import Hold
from app.domain.errors import GitHubRefused
from app.domain.rollout import RolloutStatus
from app.domain.stack import Policy
from tests.examples import NOW, a_release, a_stack, sha_of
from tests.fakes.github_api import FakeGitHubApi, a_published
from tests.fakes.world import World
from tests.unit.workers.control.holding import AT_FIVE, OPENS, ended, held_events, until
from workers.control.operator import Operator
from workers.control.reconcile import Reconciler

PUBLISHED = a_published("v1.1.0", 7)
WAITING = a_release("v1.1.0", key="1:7", published_at=NOW)
OTHER = sha_of("another commit")


class Place:
    """A release that waits for approval, or for a window; its GitHub and its repository."""

    def __init__(self, *, approval: bool = True) -> None:
        self.world = World(a_stack(policy=Policy(windows=() if approval else (AT_FIVE,))))
        self.github = FakeGitHubApi(self.world.clock, self.world.fuse)
        self.github.published = [PUBLISHED]
        self.world.github = self.github
        self.approval = approval
        self.worker: Reconciler = self.world.worker(approval=approval)
        self.operator = Operator(self.world.ports, self.worker)

    async def wait(self) -> None:
        await self.world.live("v1.0.0")
        self.world.inbox.put(WAITING)
        await self.worker.reconcile()
        assert [r.tag for r in self.world.state.accepted] == ["v1.1.0"]

    async def turn(self) -> None:
        """It is approved, or the window opens."""
        if self.approval:
            await self.operator.approve("v1.1.0")
        else:
            await until(self.world, OPENS)
        await self.worker.reconcile()

    def events(self, kind: str) -> list[dict[str, object]]:
        return [data for name, data in self.world.publisher.events if name == kind]

    @property
    def withdrawn(self) -> bool:
        results = [(e.tag, e.result) for e in self.world.publisher.entries]
        return (ended(self.world), self.world.effects, results) == ([], [], [("v1.1.0", "withdrawn")])


@pytest.fixture(params=[True, False], ids=["approval", "window"])
async def place(request: pytest.FixtureRequest) -> Place:
    made = Place(approval=request.param)
    await made.wait()
    return made


async def test_release_that_is_still_there_goes_live(place: Place) -> None:
    await place.turn()
    assert ended(place.world) == [("v1.1.0", RolloutStatus.SUCCESS)]
    assert (place.github.called("release"), place.events("release.unchecked")) == (1, [])


async def test_release_that_is_gone_is_withdrawn(place: Place) -> None:
    place.github.published = []
    await place.turn()
    assert place.withdrawn
    assert await place.world.inbox.accept(WAITING) is not None


async def test_draft_is_withdrawn_until_it_is_published_again(place: Place) -> None:
    place.github.published = [replace(PUBLISHED, event=replace(PUBLISHED.event, draft=True))]
    await place.turn()
    assert place.withdrawn
    later = NOW + timedelta(days=1)
    place.github.published = [a_published("v1.1.0", 7, at=later)]
    place.world.inbox.put(again := replace(WAITING, published_at=later))
    await place.worker.reconcile()
    if place.world.state.accepted:
        await place.turn()
    assert (again.key, ended(place.world)) == ("1:7", [("v1.1.0", RolloutStatus.SUCCESS)])


async def test_draft_that_this_token_may_not_see_is_accepted_when_it_is_published_again(place: Place) -> None:
    """GitHub answers as if it was deleted: only those who may write see a draft."""
    place.github.published = []
    await place.turn()
    assert place.withdrawn
    again = replace(WAITING, rollout_id="r-again", published_at=NOW + timedelta(days=1))
    place.github.published = [a_published("v1.1.0", 7, at=NOW + timedelta(days=1))]
    assert await place.world.inbox.accept(again) is None
    await place.worker.reconcile()
    if place.world.state.accepted:
        await place.turn()
    assert ended(place.world) == [("v1.1.0", RolloutStatus.SUCCESS)]


@pytest.mark.parametrize("change", [{"prerelease": True}, {"tag": "v1.1.1"}])
async def test_release_that_was_edited_is_withdrawn(place: Place, change: dict[str, object]) -> None:
    place.github.published = [replace(PUBLISHED, event=replace(PUBLISHED.event, **change))]  # type: ignore[arg-type]
    await place.turn()
    assert place.withdrawn


async def test_release_whose_tag_is_gone_is_withdrawn(place: Place) -> None:
    del place.world.source.tags["v1.1.0"]
    await place.turn()
    assert place.withdrawn


@pytest.mark.parametrize("refusal", [GitHubRefused.code, "away", "no GitHub"])
async def test_silent_github_changes_nothing(refusal: str) -> None:
    place = Place()
    if refusal == "no GitHub":
        place.world.github = None
        place.worker = place.world.worker(approval=True)
        place.operator = Operator(place.world.ports, place.worker)
    place.github.refuses, place.github.away = (404 if refusal == GitHubRefused.code else None), refusal == "away"
    await place.wait()
    await place.turn()
    assert ended(place.world) == [("v1.1.0", RolloutStatus.SUCCESS)]
    assert len(place.events("release.unchecked")) == (0 if refusal == "no GitHub" else 1)


async def test_silent_repository_delays_only_for_seconds(place: Place) -> None:
    place.world.source.hang()
    began = place.world.clock.monotonic()
    await place.worker._last_check.check(place.world.state.accepted[0])
    assert place.world.clock.monotonic() - began < 20
    place.world.source.go_on()
    await place.turn()
    assert ended(place.world) == [("v1.1.0", RolloutStatus.SUCCESS)]


async def test_moved_tag_needs_a_new_approval() -> None:
    place = Place()
    await place.wait()
    place.world.source.tags["v1.1.0"] = OTHER
    await place.turn()
    assert (ended(place.world), held_events(place.world)[-1]) == ([], ("v1.1.0", Hold.APPROVAL))
    text = str(place.events("release.held")[-1]["text"])
    assert all(part in text for part in (sha_of("v1.1.0")[:12], OTHER[:12], "`updater approve v1.1.0`"))
    assert [n.text for n in place.world.notifier.notices if n.kind == "held"][-1] == text
    await place.worker.reconcile()
    assert ended(place.world) == []
    await place.turn()
    (rollout, _), *_ = place.world.publisher.results
    assert (rollout.status, rollout.sha) == (RolloutStatus.SUCCESS, OTHER)
    assert any("moved" in warning for warning in rollout.warnings)


async def test_approval_is_for_the_commit_that_was_shown() -> None:
    """The tag moves between the approval and the fetch."""
    place = Place()
    await place.wait()
    place.world.publisher.at_event("rollout.started", lambda: place.world.source.tags.update({"v1.1.0": OTHER}))
    await place.turn()
    (rollout, _), *_ = place.world.publisher.results
    assert (rollout.status, rollout.reason_code, place.world.effects) == (RolloutStatus.FAILED, "tag_moved", [])


async def test_moved_tag_without_approval_goes_live_and_says_so() -> None:
    place = Place(approval=False)
    await place.wait()
    place.world.source.tags["v1.1.0"] = OTHER
    await place.turn()
    (rollout, _), *_ = place.world.publisher.results
    assert (rollout.status, rollout.sha) == (RolloutStatus.SUCCESS, OTHER)
    assert sha_of("v1.1.0")[:12] in rollout.warnings[0]
    assert OTHER[:12] in rollout.warnings[0]
    assert [event["commit"] for event in place.events("release.moved")] == [OTHER]


async def test_commit_is_recorded_when_the_repository_answers_again() -> None:
    place = Place()
    place.world.source.away = True
    await place.wait()
    assert place.world.state.accepted[0].commit is None
    place.world.source.away = False
    await place.worker.reconcile()
    assert place.world.state.accepted[0].commit == sha_of("v1.1.0")


async def test_release_that_did_not_wait_is_not_asked_about() -> None:
    place = Place()
    place.github.published = []
    await place.world.live("v1.0.0")
    place.world.inbox.put(WAITING)
    await place.world.worker().reconcile()
    assert ended(place.world) == [("v1.1.0", RolloutStatus.SUCCESS)]
    assert place.github.calls == []


async def test_release_behind_a_long_rollout_is_asked_about() -> None:
    place = Place()
    place.github.published = []
    await place.world.live("v1.0.0")
    place.world.inbox.put(WAITING)
    await place.world.clock.sleep(61)
    await place.world.worker().reconcile()
    assert place.withdrawn


async def test_silent_repository_is_asked_once_for_all_held_releases() -> None:
    place = Place(approval=False)
    place.world.source.away = True
    await place.world.live("v1.0.0")
    place.world.inbox.put(WAITING, replace(WAITING, key="1:8", rollout_id="r-2"))
    await place.worker.reconcile()
    assert len(place.events("release.unchecked")) == 1


async def test_silent_github_delays_only_for_seconds(place: Place) -> None:
    """It lets the connection be, and an operator's rollback may be waiting."""

    async def silent(_: int) -> None:
        await place.world.clock.sleep(3600)

    place.github.release = silent  # type: ignore[method-assign,assignment]
    begun = place.world.clock.now()
    await place.worker.check_again(place.world.state.accepted[0])
    assert place.world.clock.now() - begun <= timedelta(seconds=16)
    assert "did not answer" in str(place.events("release.unchecked")[-1]["reason"])


async def test_release_of_an_unknown_kind_of_key_is_not_asked_about() -> None:
    """Another version of the updater may have recorded it."""
    place = Place(approval=False)
    await place.world.live("v1.0.0")
    place.world.inbox.put(replace(WAITING, key="1:seven"))
    await place.worker.reconcile()
    await until(place.world, OPENS)
    await place.worker.reconcile()
    assert (ended(place.world), place.github.called("release")) == ([("v1.1.0", RolloutStatus.SUCCESS)], 0)
