"""How each view looks with what a shop really has: a picture of each is kept in `.cache/pictures`."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Browser, Route

from app.api.plan import (
    EnvironmentChange,
    NotApplied,
    Plan,
    PlannedCommand,
    PlannedDisk,
    PlannedFile,
    PlannedFollower,
    PlannedFrom,
    PlannedImage,
    PlannedSingleton,
)
from tests.browser.looking import Visitor, visiting
from tests.browser.scenes import Scene
from tests.browser.shop import NEW, OLD, SHAS
from tests.integration.web.conftest import Listening

pytestmark = pytest.mark.redis

PLAN = Plan(
    tag=NEW,
    sha=SHAS[NEW],
    current=PlannedFrom(tag=OLD, sha=SHAS[OLD]),
    target_color="green",
    images=(
        PlannedImage(service="web-green", builds=True, reason="web changed"),
        PlannedImage(service="api-green", builds=True, reason="api is unchanged: the build uses the cache"),
        PlannedImage(service="mailer", reason="it is pulled, not built"),
    ),
    starts=("web-green", "api-green"),
    stops=("web-blue", "api-blue"),
    singletons=(PlannedSingleton(name="bot", service="bot", restarts=True, reason="bot changed"),),
    followers=(PlannedFollower(name="mailer", service="mailer", copies=2, replaced=True, reason="its image changed"),),
    environment_changes=(EnvironmentChange(service="api-green", added=("SEARCH_URL",), changed=("CACHE_TTL",)),),
    not_applied=(NotApplied(service="postgres", reason="its image changed"),),
    before_flip=(PlannedCommand(step="before_flip_1_migrate", service="migrate", command=("manage.py", "migrate")),),
    files=(
        PlannedFile(path="compose.yaml", origin="release"),
        PlannedFile(path="config/nginx.conf", origin="release"),
        PlannedFile(path=".env", origin="live"),
    ),
    disk=PlannedDisk(free_bytes=38_200_000_000, needed_bytes=3_100_000_000),
    warnings=("the release also changes postgres: the updater does not apply that. Apply it by hand.",),
    would_start=True,
)

Show = Callable[[Visitor, Scene], Awaitable[None]]


async def now_empty(someone: Visitor, scene: Scene) -> None:
    await scene.working()
    await someone.open()
    await someone.sees("Nothing is live yet")


async def waiting_empty(someone: Visitor, scene: Scene) -> None:
    await someone.open("/waiting")
    await someone.sees("No release is waiting.")


async def history_empty(someone: Visitor, scene: Scene) -> None:
    await someone.open("/history")
    await someone.sees("No release was decided yet.")


async def now_idle(someone: Visitor, scene: Scene) -> None:
    await scene.idle()
    await someone.open()
    await someone.sees("v2.13.4 is live on blue.")
    await someone.page.locator(".chart").first.wait_for()


async def now_baking(someone: Visitor, scene: Scene) -> None:
    await scene.baking()
    await someone.open()
    await someone.sees("v2.14.0 has the traffic on green and is being watched.")
    await someone.page.locator(".lane.active .chart").first.wait_for()
    await someone.page.get_by_role("log").get_by_text("docker_build").wait_for()


async def now_paused(someone: Visitor, scene: Scene) -> None:
    await scene.rolled_back()
    await someone.open()
    await someone.sees("Rollouts are paused.")


async def rollout_failed(someone: Visitor, scene: Scene) -> None:
    await someone.open("/rollouts/r-a2b7d39c41f0")
    await someone.sees("Move the traffic back")
    await someone.page.get_by_role("log").get_by_text("docker_build").wait_for()


async def waiting(someone: Visitor, scene: Scene) -> None:
    await scene.waiting()
    await someone.open("/waiting")
    await someone.sees("web-v1.0.0")


async def plan(someone: Visitor, scene: Scene) -> None:
    async def answer(route: Route) -> None:
        await route.fulfill(json=PLAN.as_json())

    await scene.idle()
    await someone.page.route("**/update/plan?*", answer)
    await someone.open("/plan")
    await someone.page.get_by_label("Tag", exact=True).fill(NEW)
    await someone.press("Show what would happen")
    await someone.sees("replaces v2.13.4")


async def dialog(someone: Visitor, scene: Scene) -> None:
    await someone.press("Deploy v2.14.0")
    await someone.page.get_by_role("dialog").wait_for()


async def rollout(someone: Visitor, scene: Scene) -> None:
    await someone.open(f"/rollouts/{await scene.ended()}")
    await someone.sees("What changed against v2.13.4")
    await someone.page.get_by_role("log").get_by_text("docker_build").wait_for()
    await someone.page.locator(".waterfall summary").filter(has_text="Watch real traffic").click()


async def history(someone: Visitor, scene: Scene) -> None:
    await someone.open("/history")
    await someone.page.get_by_role("link", name="v2.14.0").first.wait_for()


SHOWS: tuple[Show, ...] = (
    *(now_empty, waiting_empty, history_empty, now_idle, now_baking, now_paused, rollout_failed),
    *(waiting, plan, dialog, rollout, history),
)
"""In this order: each adds to what the ledger has."""


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (1280, "dark"), (820, "light"), (360, "light"), (360, "dark")]
)
async def test_views_are_accessible_and_fit(browser: Browser, web: Listening, width: int, scheme: str) -> None:
    async with visiting(browser, web.internal, width=width, scheme=scheme) as someone:
        scene = Scene(web.ledger, web.pool)
        await someone.open()
        await someone.page.get_by_label("The shared secret").wait_for()
        await someone.picture(f"login-{width}-{scheme}")
        await someone.log_in(web.secret)
        found: dict[str, object] = {}
        for show in SHOWS:
            await show(someone, scene)
            name = show.__name__.replace("_", "-")
            await someone.picture(f"{name}-{width}-{scheme}")
            found[name] = (await someone.violations(), await someone.overflow())
        assert found == dict.fromkeys(found, ([], 0))
