"""What a person sees and does on the dashboard, in a real browser."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser

from app.auth.callers import make_login
from app.auth.scope import Scope
from app.domain.stack import Color
from deploy.demo.processes import free_port
from tests.browser.conftest import HeldClock
from tests.browser.looking import Visitor, visiting
from tests.fakes.world import World
from tests.integration.waiting import until
from tests.integration.web.conftest import Listening, settled
from tests.integration.web.server.process import web_process

pytestmark = pytest.mark.redis

VIEWS = ("/", "/history", "/waiting", "/plan")
WORKING = pytest.mark.usefixtures("worker")


async def deploy(web: Listening, tag: str) -> str:
    """Asks for a rollout as another program does. Returns its id."""
    async with web.client() as client:
        answer = await client.post("/update/apply", json={"tag": tag})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["rollout_id"])


@WORKING
async def test_rollout_is_watched_from_accepted_to_live(visitor: Visitor, web: Listening, clock: HeldClock) -> None:
    await visitor.sees("v1.0.0 is live on blue.")
    assert await visitor.page.get_by_role("img", name="The traffic goes to blue.").is_visible()
    clock.hold()
    await deploy(web, "v1.1.0")
    await visitor.sees("v1.1.0 has the traffic on green and is being watched.")
    steps = visitor.page.get_by_role("list", name="Steps")
    assert "Move the traffic, done" in (await steps.text_content() or "")
    assert await steps.locator("[aria-current=step]").count() == 1
    await visitor.sees("handed over: no copy ran for")
    clock.go_on()
    await visitor.sees("v1.1.0 is live on green.")
    await visitor.sees("The last rollout")
    assert await visitor.page.get_by_role("img", name="The traffic goes to green.").is_visible()
    await visitor.page.get_by_text("A rollback starts it again, without a build.").wait_for()


@WORKING
async def test_failed_release_is_explained_and_the_pause_ended(visitor: Visitor, world: World, web: Listening) -> None:
    world.clients.rps, world.clients.failing[Color.GREEN] = 200, 1.0
    rollout = await deploy(web, "v1.1.0")
    await visitor.sees("Rollouts are paused.")
    await visitor.sees("v1.0.0 is live on blue.")
    await visitor.sees("Traffic stays on v1.0.0.")
    await visitor.open(f"/rollouts/{rollout}")
    await visitor.sees("Move the traffic back")
    assert "rolled back" in await visitor.headline()
    await visitor.press("Unpause")
    await visitor.page.get_by_role("dialog").get_by_role("button", name="Unpause").click()
    await visitor.page.get_by_text("Rollouts are paused.").wait_for(state="detached")


@WORKING
async def test_pause_asks_why(visitor: Visitor) -> None:
    await visitor.press("Pause")
    dialog = visitor.page.get_by_role("dialog")
    await dialog.get_by_label("Why").fill("A migration by hand")
    await dialog.get_by_role("button", name="Pause").click()
    await visitor.sees("A migration by hand")


@WORKING
async def test_plan_comes_before_the_deployment(visitor: Visitor) -> None:
    await visitor.go("Plan")
    await visitor.page.get_by_label("Tag", exact=True).fill("v1.2.0")
    await visitor.press("Show what would happen")
    await visitor.sees("replaces v1.0.0")
    await visitor.press("Deploy v1.2.0")
    await visitor.page.get_by_role("dialog").get_by_role("button", name="Deploy v1.2.0").click()
    await visitor.sees("v1.2.0 is live on green.")


@WORKING
async def test_rollback_shows_first_what_comes_back(visitor: Visitor, web: Listening) -> None:
    await deploy(web, "v1.1.0")
    await settled(web, "v1.1.0")
    await visitor.go("Plan")
    await visitor.press("Show what comes back")
    await visitor.sees("comes back in place of v1.1.0")
    await visitor.press("Roll back to v1.0.0")
    await visitor.page.get_by_role("dialog").get_by_role("button", name="Roll back to v1.0.0").click()
    await visitor.sees("v1.0.0 is live on blue.")


@WORKING
async def test_rollout_has_a_permanent_page(browser: Browser, visitor: Visitor, web: Listening) -> None:
    rollout = await deploy(web, "v1.1.0")
    await settled(web, "v1.1.0")
    await visitor.go("History")
    await visitor.page.get_by_role("link", name="v1.1.0").click()
    assert visitor.page.url.endswith(f"/rollouts/{rollout}")
    for text in ("Move the traffic", "What changed against v1.0.0", "route_switch: done in"):
        await visitor.sees(text)
    async with visiting(browser, web.internal) as another:
        await another.log_in(web.secret, f"/rollouts/{rollout}")
        await another.sees("Live before: v1.0.0")
    await visitor.page.go_back()
    await visitor.page.get_by_role("heading", name="History").wait_for()


@WORKING
async def test_log_can_be_searched_and_held(visitor: Visitor, web: Listening) -> None:
    rollout = await deploy(web, "v1.1.0")
    await settled(web, "v1.1.0")
    await visitor.open(f"/rollouts/{rollout}")
    log = visitor.page.get_by_role("log")
    await log.get_by_text("route_switch: done").wait_for()
    await visitor.page.get_by_label("Search the log").fill("route_switch")
    assert await log.locator(".line:visible").count() == 1
    await visitor.sees("1 of ")


@WORKING
async def test_two_browsers_see_the_same(browser: Browser, visitor: Visitor, web: Listening) -> None:
    async with visiting(browser, web.internal, width=360) as another:
        await another.log_in(web.secret)
        await deploy(web, "v1.1.0")
        await asyncio.gather(*(each.sees("v1.1.0 is live on green.") for each in (visitor, another)))


@WORKING
async def test_page_survives_a_restart_of_web(
    browser: Browser, redis_url: str, namespace: str, tmp_path: Path, web: Listening
) -> None:
    bind = f"127.0.0.1:{free_port()}"
    async with visiting(browser, f"http://{bind}") as someone:
        with web_process(redis_url, namespace, tmp_path, UPDATER_BIND=bind):
            await someone.log_in(web.secret)
            await someone.sees("v1.0.0 is live on blue.")
        await someone.sees("connection lost, retrying")
        await deploy(web, "v1.1.0")
        with web_process(redis_url, namespace, tmp_path, UPDATER_BIND=bind):
            await someone.sees("v1.1.0 is live on green.")
        someone.forgives("net::ERR_")


async def test_wrong_secret_is_refused_in_words(browser: Browser, web: Listening) -> None:
    async with visiting(browser, web.internal) as someone:
        await someone.open()
        await someone.page.get_by_label("The shared secret").fill("wrong")
        await someone.page.keyboard.press("Enter")
        await someone.sees("The secret is wrong.")
        someone.forgives("401")


async def test_login_link_works_once_and_leaves_the_address(browser: Browser, web: Listening) -> None:
    link = f"/#login={make_login(web.secret_path, Scope.OPERATE, 60, 'anna')}"
    async with visiting(browser, web.internal) as someone, visiting(browser, web.internal) as other:
        await someone.open(link)
        await someone.page.get_by_text("anna").wait_for()
        assert "login=" not in someone.page.url
        await other.open(link)
        await other.sees("This link has expired, or was used before.")
        other.forgives("401")


@WORKING
async def test_read_only_session_sees_no_buttons(browser: Browser, web: Listening) -> None:
    async with visiting(browser, web.internal) as someone:
        await someone.open(f"/#login={make_login(web.secret_path, Scope.READ, 60)}")
        await someone.page.get_by_role("navigation").wait_for()
        for view in VIEWS:
            await someone.open(view)
            await someone.page.locator(".view").wait_for()
            names = await someone.page.get_by_role("button").all_inner_texts()
            assert set(names) <= {"Log out", "Show what would happen", "Show what comes back"}


@WORKING
async def test_logout_needs_a_new_login(visitor: Visitor) -> None:
    await visitor.press("Log out")
    await visitor.page.get_by_label("The shared secret").wait_for()
    await visitor.open("/history")
    await visitor.page.get_by_label("The shared secret").wait_for()
    visitor.forgives("401")  # of what the page had asked when the session ended


@WORKING
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
async def test_every_view_is_accessible_and_fits(
    browser: Browser, web: Listening, clock: HeldClock, scheme: str, width: int
) -> None:
    async with visiting(browser, web.internal, width=width, scheme=scheme) as someone:
        await someone.open()
        await someone.page.get_by_label("The shared secret").wait_for()
        assert await someone.violations() == []
        await someone.log_in(web.secret)
        clock.hold()
        rollout = await deploy(web, "v1.1.0")
        await someone.sees("v1.1.0 is going live")
        assert (await someone.violations(), await someone.overflow()) == ([], 0)
        clock.go_on()
        await settled(web, "v1.1.0")
        for view in (*VIEWS, f"/rollouts/{rollout}"):
            await someone.open(view)
            await someone.page.locator(".view").wait_for()
            assert (view, await someone.violations(), await someone.overflow()) == (view, [], 0)


@WORKING
async def test_everything_works_with_the_keyboard(browser: Browser, web: Listening) -> None:
    async with visiting(browser, web.internal) as someone:
        keys = someone.page.keyboard
        await someone.open()
        await someone.page.get_by_label("The shared secret").focus()
        await keys.type(web.secret)
        await keys.press("Enter")
        await someone.sees("v1.0.0 is live on blue.")
        await tab_to(someone, "Waiting")
        await keys.press("Enter")
        await someone.page.get_by_role("heading", name="Waiting", level=1).wait_for()
        assert await someone.page.evaluate("document.activeElement.id") == "main"
        await tab_to(someone, "Pause")
        await keys.press("Enter")
        await keys.type("By keyboard")
        await keys.press("Enter")
        await someone.sees("By keyboard")


async def tab_to(someone: Visitor, name: str) -> None:
    """Presses Tab until the element with that text has the focus, which it must show."""
    for _ in range(30):
        await someone.page.keyboard.press("Tab")
        text = await someone.page.evaluate("document.activeElement.textContent.trim()")
        if text == name:
            outline = await someone.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none"
            return
    raise AssertionError(f"Tab does not reach {name}")


@WORKING
async def test_focus_and_search_stay_while_the_page_changes(visitor: Visitor, web: Listening) -> None:
    await visitor.go("Plan")
    field = visitor.page.get_by_label("Tag", exact=True)
    await field.fill("v1.")
    await deploy(web, "v1.1.0")
    await settled(web, "v1.1.0")

    async def shown() -> bool:
        return "v1.1.0" in await visitor.page.title()

    await until(shown)
    assert await field.input_value() == "v1."
    assert await visitor.page.evaluate("document.activeElement.id") == "plan-tag"


async def test_empty_views_say_what_will_appear(visitor: Visitor) -> None:
    await visitor.sees("Nothing is live yet")
    await visitor.sees("Publish a release on GitHub.")
    await visitor.go("History")
    await visitor.sees("No release was decided yet.")
    await visitor.go("Waiting")
    await visitor.sees("No release is waiting.")


@WORKING
async def test_motion_stops_when_the_reader_prefers_that(visitor: Visitor) -> None:
    flowing = "getComputedStyle(document.querySelector('.stream.flows')).animationName"
    await visitor.sees("v1.0.0 is live on blue.")
    assert await visitor.page.evaluate(flowing) == "flow"
    await visitor.page.emulate_media(reduced_motion="reduce")
    assert await visitor.page.evaluate(flowing) == "none"
