"""Required checks of a Gitea: only commit statuses, without a total, and a combined status for each page."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from app.domain.errors import GitHubRefused
from app.domain.findings import Verdict
from app.domain.required_checks import CheckOutcome, RequiredChecks, Standing
from app.domain.stack import Policy
from app.domain.state import State
from tests.examples import NOW, a_live, a_release, a_stack, sha_of
from tests.fakes.world import World
from tests.integration.github.gitea_server import Gitea, api_of, running_gitea
from tests.unit.workers.control.holding import ended
from workers.adapters.github_api.client import GithubkitApi
from workers.control.operator import Operator
from workers.control.reconcile import Reconciler
from workers.inspect.required_checks import checked
from workers.watchdogs.required_checks import RequiredChecksWatch

BUILD, TEST = "ci.yml / build (push)", "ci.yml / test (push)"
NAMED = RequiredChecks((BUILD, TEST))
SHA = sha_of("v1.1.0")


@pytest.fixture
def gitea() -> Iterator[Gitea]:
    with running_gitea(releases=3, cap=20) as server:
        server.tags = {"v1.1.0": SHA, "web/v1.1.0": sha_of("web")}
        yield server


@pytest.fixture
async def api(gitea: Gitea) -> AsyncIterator[GithubkitApi]:
    api = api_of(gitea)
    async with api.open():
        yield api


@pytest.fixture
async def world() -> World:
    world = World(a_stack(policy=Policy(require_checks=NAMED)))
    await world.live("v1.0.0")
    await world.journal.update(lambda s: s.accept(a_release("v1.1.0")))
    return world


@pytest.fixture
def worker(world: World) -> Reconciler:
    return world.worker()


@pytest.fixture
async def watch(world: World, worker: Reconciler, api: GithubkitApi) -> RequiredChecksWatch:
    return RequiredChecksWatch(NAMED, world.ports, api, worker, every=0)


def standing(world: World) -> Standing | None:
    (release,) = world.state.accepted
    return release.checks.standing if release.checks else None


async def test_tag_names_its_commit(api: GithubkitApi) -> None:
    assert await api.commit_of("v1.1.0") == SHA
    assert await api.commit_of("web/v1.1.0") == sha_of("web")


async def test_only_paths_of_a_gitea_are_asked(gitea: Gitea, watch: RequiredChecksWatch, world: World) -> None:
    await watch.look()
    assert standing(world) is Standing.WAITING
    asked = [path.partition("/repos/octo/shop")[2].partition("?")[0] for path, _ in gitea.asked]
    assert asked == ["/tags/v1.1.0", f"/commits/{SHA}/status"]


async def test_green_statuses_let_it_go(
    gitea: Gitea, watch: RequiredChecksWatch, worker: Reconciler, world: World
) -> None:
    gitea.post_status(SHA, BUILD, "success")
    gitea.post_status(SHA, TEST, "pending")
    gitea.post_status(SHA, "lint.yml / lint (push)", "failure")
    assert not await watch.look()
    assert standing(world) is Standing.WAITING
    gitea.post_status(SHA, TEST, "success")
    assert await watch.look()
    go = worker.decide().go
    assert go is not None
    assert (go.tag, go.checks and go.checks.sha) == ("v1.1.0", SHA)


async def test_red_status_refuses_with_a_whole_link(gitea: Gitea, watch: RequiredChecksWatch, world: World) -> None:
    gitea.post_status(SHA, BUILD, "failure", link="/octo/shop/actions/runs/7/jobs/0")
    assert await watch.look()
    ((_, why),) = world.publisher.never
    assert f"{BUILD} ended with failure ({gitea.origin}/octo/shop/actions/runs/7/jobs/0)" in why


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("success", CheckOutcome.GREEN),
        ("skipped", CheckOutcome.GREEN),
        ("pending", CheckOutcome.PENDING),
        ("failure", CheckOutcome.RED),
        ("error", CheckOutcome.RED),
        ("warning", CheckOutcome.RED),
        ("not_invented_yet", CheckOutcome.RED),
    ],
)
async def test_states(gitea: Gitea, api: GithubkitApi, state: str, outcome: CheckOutcome) -> None:
    gitea.post_status(SHA, "woodpecker", state, link="https://ci.example.org/7")
    (check,) = (await api.checks_of(SHA)).checks
    assert (check.outcome, check.word, check.link) == (outcome, state, "https://ci.example.org/7")


async def test_every_page_counts(gitea: Gitea, api: GithubkitApi) -> None:
    gitea.post_status(SHA, "first", "failure")
    for number in range(45):
        gitea.post_status(SHA, f"job {number}", "success")
    found = (await api.checks_of(SHA)).checks
    assert (len(found), [c.name for c in found if c.outcome is CheckOutcome.RED]) == (46, ["first"])


async def test_too_many_pages_are_refused(gitea: Gitea, api: GithubkitApi) -> None:
    gitea.cap = 1
    for number in range(25):
        gitea.post_status(SHA, f"job {number}", "success")
    with pytest.raises(GitHubRefused, match="more than 20 pages"):
        await api.checks_of(SHA)


async def test_repeated_job_counts(gitea: Gitea, api: GithubkitApi) -> None:
    gitea.post_status(SHA, BUILD, "failure")
    gitea.post_status(SHA, BUILD, "success")
    assert [c.outcome for c in (await api.checks_of(SHA)).checks] == [CheckOutcome.GREEN]


async def test_two_workflows_of_one_name_both_count(gitea: Gitea, api: GithubkitApi) -> None:
    gitea.post_status(SHA, BUILD, "failure", workflow="a.yml")
    gitea.post_status(SHA, BUILD, "success", workflow="b.yml")
    assert {c.outcome for c in (await api.checks_of(SHA)).checks} == {CheckOutcome.RED, CheckOutcome.GREEN}


@pytest.mark.parametrize("old", [True, False])
async def test_commit_without_a_status_has_no_check(gitea: Gitea, api: GithubkitApi, *, old: bool) -> None:
    gitea.old = old
    assert (await api.checks_of(SHA)).checks == ()
    gitea.post_status(SHA, BUILD, "success")
    assert (await api.checks_of(SHA)).names == (BUILD,)


async def test_statuses_that_are_not_listed_are_unknown(gitea: Gitea, watch: RequiredChecksWatch, world: World) -> None:
    gitea.post_status(SHA, BUILD, "success")
    gitea.listless = True
    assert not await watch.look()
    (alarm,) = watch.alarms()
    assert (standing(world), "1 commit statuses, of which only 0 are listed" in alarm.text) == (Standing.REFUSED, True)


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_advice_fits_a_gitea(gitea: Gitea, watch: RequiredChecksWatch, world: World, status: int) -> None:
    gitea.refusal = status
    assert not await watch.look()
    (alarm,) = watch.alarms()
    assert "`read:repository`" in alarm.text
    assert "GitHub App" not in alarm.text


async def test_doctor_says_what_the_token_needs(gitea: Gitea, api: GithubkitApi) -> None:
    gitea.refusal = 403
    (check,) = await checked(NAMED, api, State(current=a_live("v1.1.0")))
    assert (check.status, "`read:repository`" in check.found) == (Verdict.FAILED, True)


async def test_draft_of_a_gitea_is_withdrawn(gitea: Gitea, api: GithubkitApi) -> None:
    """Older versions date a draft; newer ones do not, and both list it for who may write."""
    for date in ("2025-06-01T09:00:00Z", None):
        gitea.releases[0].update(draft=True, published_at=date)
        found = await api.release(3)
        assert found is not None
        assert found.event.draft
    assert await api.release(99) is None


@pytest.mark.parametrize(
    "change", [{"draft": True}, {"draft": True, "published_at": None}, {"tag_name": "v9.9.9"}, None]
)
async def test_waiting_release_is_asked_for_once_more(
    gitea: Gitea, api: GithubkitApi, change: dict[str, object] | None
) -> None:
    world = World(a_stack())
    world.github = api
    worker = world.worker(approval=True)
    await world.live("v1.0.0")
    world.inbox.put(replace(a_release("v1.1.0", key="12:1"), published_at=NOW))
    await worker.reconcile()
    gitea.releases[:] = [{**release, **(change or {})} for release in gitea.releases if change or release["id"] != 1]
    await Operator(world.ports, worker).approve("v1.1.0")
    await worker.reconcile()
    results = [(entry.tag, entry.result) for entry in world.publisher.entries]
    assert (ended(world), world.effects, results) == ([], [], [("v1.1.0", "withdrawn")])
