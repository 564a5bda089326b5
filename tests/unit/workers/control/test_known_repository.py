"""A renamed repository stays the stack's; another one under its name gets nothing in."""

from dataclasses import replace

import pytest

from app.domain.acceptance.repository import KnownRepository
from app.domain.errors import RepositoryReplaced
from app.domain.release import Release
from tests.examples import a_release, held
from tests.fakes.github_api import FakeGitHubApi, a_published
from tests.fakes.world import World
from workers.control.known_repository import current_name, current_source
from workers.control.operator import Operator
from workers.ports.github import RepositoryIdentity
from workers.watchdogs.missed_releases import MissedReleases

NEW = "acme/store"
KNOWN = KnownRepository("octo/shop", 1, "octo/shop")


@pytest.fixture
def github(world: World) -> FakeGitHubApi:
    return FakeGitHubApi(world.clock, world.fuse)


@pytest.fixture
async def watch(world: World, github: FakeGitHubApi) -> MissedReleases:
    return MissedReleases(world.stack, world.ports, github, world.worker(), every=900.0)


def delivered(tag: str, name: str = "octo/shop", id_: int = 1) -> Release:
    return a_release(tag, key=f"{id_}:{sum(tag.encode())}", repository=name)


def live(world: World) -> str | None:
    return world.state.current.tag if world.state.current else None


async def test_first_delivery_is_remembered(world: World) -> None:
    world.inbox.put(delivered("v1.1.0"))
    await world.worker().reconcile()
    assert (live(world), world.state.repository) == ("v1.1.0", KNOWN)


async def test_release_of_another_id_ends_with_a_reason(world: World) -> None:
    """Web accepted it because Redis had lost the status, and with it the known id."""
    await world.journal.update(lambda s: replace(s, repository=KNOWN))
    before = live(world)
    world.inbox.put(delivered("v1.2.0", id_=99))
    await world.worker().reconcile()
    assert live(world) == before
    ((tag, why),) = world.publisher.never
    assert (tag, "write `repository_id: 99`" in why) == ("v1.2.0", True)
    assert not why.endswith("."), "each report of it ends the sentence itself"
    assert world.state.repository == replace(KNOWN, replaced_by=99)


async def test_delivery_under_a_new_name_goes_live(world: World) -> None:
    await world.journal.update(lambda s: replace(s, repository=KNOWN))
    world.inbox.put(delivered("v1.1.0", NEW))
    await world.worker().reconcile()
    assert live(world) == "v1.1.0"
    assert current_name(world.state, world.stack) == NEW
    assert current_source(world.state, world.stack) == world.stack.source.replace("octo/shop", NEW)


async def test_late_delivery_of_the_old_name_changes_nothing(
    world: World, github: FakeGitHubApi, watch: MissedReleases
) -> None:
    """Another repository may have the old name by now, and would be fetched. Only GitHub itself says it is back."""
    renamed = replace(KNOWN, name=NEW)
    await world.journal.update(lambda s: replace(s, repository=renamed))
    world.inbox.put(delivered("v1.1.0"))
    await world.worker().reconcile()
    assert (live(world), world.state.repository) == ("v1.1.0", renamed)
    github.published = [a_published("v1.1.0")]
    await watch.check()
    assert world.state.repository == KNOWN


async def test_release_on_github_under_a_new_name_is_accepted(
    world: World, github: FakeGitHubApi, watch: MissedReleases
) -> None:
    github.published = [a_published("v1.1.0")]
    await watch.check()
    github.published = [a_published("v1.2.0", repository=NEW)]
    assert [release.tag for release in await watch.check()] == ["v1.2.0"]
    assert current_name(world.state, world.stack) == NEW


async def test_namesake_on_github_is_refused_and_not_fetched(
    world: World, github: FakeGitHubApi, watch: MissedReleases
) -> None:
    github.published = [a_published("v1.1.0")]
    await watch.check()
    github.published = [a_published("v9.0.0", repository_id=99)]
    assert await watch.check() == []
    with pytest.raises(RepositoryReplaced, match="repository_id: 99"):
        current_source(world.state, world.stack)
    ignored = (await world.inbox.ignored())[0]
    assert (ignored.cause, ignored.tag) == ("repository", "v9.0.0")
    github.published = [a_published("v1.3.0")]
    assert [release.tag for release in await watch.check()] == ["v1.3.0"]
    assert current_source(world.state, world.stack) == world.stack.source


async def test_namesake_without_releases_is_not_fetched(
    world: World, github: FakeGitHubApi, watch: MissedReleases
) -> None:
    """It may have the tag of a release that waits for approval."""
    github.identity = RepositoryIdentity("octo/shop", 1)
    await watch.check()
    assert world.state.repository == KNOWN
    github.identity = RepositoryIdentity("octo/shop", 99)
    assert await watch.check() == []
    with pytest.raises(RepositoryReplaced):
        current_source(world.state, world.stack)


async def test_manual_release_has_no_repository(world: World) -> None:
    await world.journal.update(lambda s: replace(s, repository=KNOWN))
    world.inbox.put(a_release("v1.1.0", key="manual:r-1"))
    await world.worker().reconcile()
    assert live(world) == "v1.1.0"


async def test_rollback_does_not_need_the_repository(world: World) -> None:
    """Another repository has the name, and a release waits whose commit is not known."""
    world.inbox.put(delivered("v1.1.0"))
    await world.worker().reconcile()
    world.source.replaced = True
    world.inbox.put(delivered("v1.2.0"))
    worker = world.worker(approval=True)
    await worker.reconcile()
    await Operator(world.ports, worker).roll_back(None)
    await worker.reconcile()
    assert live(world) == "v1.0.0"


async def test_waiting_release_of_the_repository_before_is_refused(world: World) -> None:
    """The operator writes another repository_id. That repository has a tag of the same name."""
    world.inbox.put(delivered("v1.1.0"))
    await world.worker(approval=True).reconcile()
    assert [r.tag for r in world.state.accepted] == ["v1.1.0"]
    world.restack(replace(world.stack, repository_id=99))
    await world.worker().reconcile()
    ((tag, why),) = world.publisher.never
    assert (tag, "99" in why, world.state.accepted, live(world)) == ("v1.1.0", True, (), "v1.0.0")


async def test_namesake_without_the_release_does_not_withdraw_it(world: World, github: FakeGitHubApi) -> None:
    """The repository was renamed without a word, and another one took its name before the release began."""
    world.github, release = github, delivered("v1.1.0")
    world.inbox.put(release)
    worker = world.worker(approval=True)
    await worker.reconcile()
    github.identity = RepositoryIdentity("octo/shop", 99)
    await worker.check_again(world.state.accepted[0])
    assert (world.state.accepted, world.state.withdrawn, world.publisher.never) == ((held(release),), (), [])
    with pytest.raises(RepositoryReplaced):
        current_source(world.state, world.stack)
    assert "99" in next(str(data["reason"]) for kind, data in world.publisher.events if kind == "release.unchecked")
