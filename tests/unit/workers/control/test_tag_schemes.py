"""Releases go live in the order of the stack's own tags."""

import pytest

from app.domain.tags import TagOrder, TagRule
from tests.examples import a_release, a_stack, sha_of
from tests.fakes.github_api import FakeGitHubApi, a_published
from tests.fakes.world import World
from workers.watchdogs.missed_releases import MissedReleases

SCHEMES = [
    (TagRule("web-v*"), "web-v0.9.0", "web-v0.10.0", "api-v9.0.0", "0.10.0"),
    (TagRule("api@*"), "api@1.9.0", "api@1.10.0", "web@2.0.0", "1.10.0"),
    (TagRule("release/*"), "release/2024.9.1", "release/2024.10.1", "nightly", "2024.10.1"),
    (TagRule("*", TagOrder.NUMBERS), "2024.01.05", "2024.01.10", "2024-01-11", "2024.01.10"),
    (TagRule("v*", TagOrder.NUMBERS), "v1.9", "v1.10", "v1.10-rc1", "1.10"),
    (TagRule("*", TagOrder.NUMBERS), "1.2.3.4", "1.2.3.10", "v2-next", "1.2.3.10"),
]


async def a_world(rule: TagRule, live: str, new: str) -> World:
    world = World(a_stack(tags=rule))
    world.source.tags |= {tag: sha_of(tag) for tag in (live, new)}
    await world.live(live)
    return world


@pytest.mark.parametrize(("rule", "live", "new", "other", "version"), SCHEMES)
async def test_missed_release_goes_live_by_its_scheme(
    rule: TagRule, live: str, new: str, other: str, version: str
) -> None:
    world = await a_world(rule, live, new)
    github = FakeGitHubApi(world.clock, world.fuse)
    github.published = [a_published(tag, n) for n, tag in enumerate((new, other, live), 1)]
    worker = world.worker()
    (found,) = await MissedReleases(world.stack, world.ports, github, worker, every=900.0).check()
    await worker.reconcile()
    assert (found.tag, found.shown_version) == (new, version)
    assert world.state.current is not None
    assert world.state.current.tag == new
    assert world.outages == []


@pytest.mark.parametrize(("rule", "live", "new", "other", "version"), SCHEMES)
async def test_older_release_never_goes_live_by_itself(
    rule: TagRule, live: str, new: str, other: str, version: str
) -> None:
    world = await a_world(rule, new, live)
    world.inbox.put(a_release(live, after=60))
    await world.worker().reconcile()
    assert [(tag, f"the live {new} is newer" in why) for tag, why in world.publisher.never] == [(live, True)]
    assert world.state.current is not None
    assert world.state.current.tag == new
