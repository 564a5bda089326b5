"""What the dashboard shows when an answer is missing, a stream ends, or the reader's clock is wrong."""

from datetime import timedelta

import pytest
from playwright.async_api import Browser, Route

from app.auth.callers import make_login
from app.auth.scope import Scope
from app.ledger import Ledger
from tests.browser.looking import Visitor, visiting
from tests.browser.test_dashboard import deploy
from tests.examples import NOW, a_history_entry
from tests.integration.web.conftest import Listening, settled

pytestmark = pytest.mark.redis

WORKING = pytest.mark.usefixtures("worker")
UNAVAILABLE = "Redis is away for a moment"
HOURS_MS = 3 * 3_600_000


async def unavailable(route: Route) -> None:
    await route.fulfill(status=503, json={"error": UNAVAILABLE, "code": "ledger_unavailable"})


@WORKING
@pytest.mark.parametrize("path", ["history", "usual"])
async def test_status_without_its_history_is_not_shown_as_the_present(
    visitor: Visitor, web: Listening, path: str
) -> None:
    await visitor.sees("v1.0.0 is live on blue.")
    await visitor.page.route(f"**/update/{path}*", unavailable)
    await deploy(web, "v1.1.0")
    await settled(web, "v1.1.0")
    await visitor.sees(UNAVAILABLE)
    await visitor.page.unroute(f"**/update/{path}*")
    await visitor.sees("v1.1.0 is live on green.")
    await visitor.page.get_by_text(UNAVAILABLE).wait_for(state="detached")
    visitor.forgives("503")


@WORKING
async def test_page_of_a_rollout_reads_again_what_it_missed(visitor: Visitor, web: Listening) -> None:
    rollout = await deploy(web, "v1.1.0")
    await visitor.open(f"/rollouts/{rollout}")
    await visitor.sees("Move the traffic")
    await visitor.page.route(f"**/update/rollouts/{rollout}", unavailable)
    await settled(web, "v1.1.0")
    async with visitor.page.expect_response(f"**/update/rollouts/{rollout}"):
        pass
    await visitor.page.unroute(f"**/update/rollouts/{rollout}")
    await visitor.page.locator("h1 .result.good").wait_for()
    visitor.forgives("503")


async def test_log_goes_on_when_its_stream_ends(visitor: Visitor, ledger: Ledger) -> None:
    """Web ends a stream after an hour, and each one when it stops."""
    await ledger.publish_record({"rollout_id": "r-1", "tag": "v1.1.0", "status": "running"})
    await ledger.append_log("r-1", ["first line"])
    asked = 0

    async def ends_early(route: Route) -> None:
        nonlocal asked
        asked += 1
        whole = "".join(f"line {number}\n" for number in range(1, asked + 1))
        await route.fulfill(status=200, content_type="text/plain", body=whole)

    await visitor.page.route("**/update/rollouts/r-1/log*", ends_early)
    await visitor.open("/rollouts/r-1")
    await visitor.sees("line 2")
    assert (await visitor.page.get_by_role("log").inner_text()).splitlines()[:2] == ["line 1", "line 2"]


async def test_older_entries_stay_when_new_ones_come(visitor: Visitor, ledger: Ledger) -> None:
    async def ends(number: int) -> None:
        at = (NOW + timedelta(hours=number)).isoformat()
        entry = a_history_entry(f"r-{number}", f"v{number}", timestamp=at, duration_seconds=1.0)
        await ledger.record_result({"rollout_id": entry.rollout_id, "tag": entry.tag, "completed_at": at}, entry)
        await ledger.publish_event("rollout.completed", {"tag": entry.tag, "status": "success"})

    for number in range(40):
        await ends(number)
    await visitor.open("/history")
    await visitor.press("Older ones")
    await visitor.page.get_by_role("link", name="v0", exact=True).wait_for()
    await ends(40)
    await visitor.page.get_by_role("link", name="v40", exact=True).wait_for()
    shown = await visitor.page.get_by_role("row").get_by_role("link").all_inner_texts()
    assert shown == [f"v{number}" for number in range(40, -1, -1)]


@WORKING
@pytest.mark.parametrize("off", [-HOURS_MS, HOURS_MS])
async def test_wrong_clock_of_the_reader_changes_no_time(browser: Browser, web: Listening, off: int) -> None:
    async with visiting(browser, web.internal) as someone:
        await someone.page.add_init_script(f"const real = Date.now; Date.now = () => real() + ({off});")
        await someone.log_in(web.secret)
        await deploy(web, "v1.1.0")
        await settled(web, "v1.1.0")
        await someone.sees("The last rollout")
        assert "hour" not in await someone.page.locator(".last time").inner_text()


async def test_login_link_works_in_a_page_that_is_open(browser: Browser, web: Listening) -> None:
    async with visiting(browser, web.internal) as someone:
        await someone.open()
        await someone.page.get_by_label("The shared secret").wait_for()
        for name in ("anna", "bert"):
            link = make_login(web.secret_path, Scope.OPERATE, 60, name)
            await someone.page.evaluate("link => { location.hash = `login=${link}`; }", link)
            await someone.page.get_by_text(name).wait_for()
            assert link not in someone.page.url


async def test_login_link_can_be_tried_again_when_redis_was_away(browser: Browser, web: Listening) -> None:
    link = make_login(web.secret_path, Scope.OPERATE, 60, "anna")
    async with visiting(browser, web.internal) as someone:
        await someone.page.route("**/login", unavailable)
        await someone.open(f"/#login={link}")
        await someone.sees(UNAVAILABLE)
        await someone.page.unroute("**/login")
        await someone.press("Try the link again")
        await someone.page.get_by_text("anna").wait_for()
        assert await someone.page.get_by_role("button", name="Try the link again").count() == 0
        someone.forgives("503")


@pytest.mark.parametrize("name", ["%E0%A4%A", "unknown", "%3Cimg%20src=x%20onerror=alert(1)%3E"])
async def test_address_of_no_rollout_says_so(visitor: Visitor, name: str) -> None:
    await visitor.open(f"/rollouts/{name}")
    await visitor.sees("No rollout with this address is known.")
    visitor.forgives("404")


@WORKING
@pytest.mark.parametrize("forge", ["https://codeberg.org", "javascript:alert(1)//", None])
async def test_commits_link_leads_to_the_server_of_the_repository(
    visitor: Visitor, web: Listening, forge: str | None
) -> None:
    async def elsewhere(route: Route) -> None:
        headers = {name: value for name, value in route.request.headers.items() if name != "if-none-match"}
        answer = await route.fetch(headers=headers)
        repository = {"written": "octo/shop", "id": 1, "name": "octo/shop"}
        await route.fulfill(response=answer, json=await answer.json() | {"forge_url": forge, "repository": repository})

    rollout = await deploy(web, "v1.1.0")
    await settled(web, "v1.1.0")
    await visitor.page.route("**/status", elsewhere)
    await visitor.open(f"/rollouts/{rollout}")
    await visitor.sees("What changed against v1.0.0")
    links = [await each.get_attribute("href") for each in await visitor.page.get_by_role("link").all()]
    away = [link for link in links if link and not link.startswith("/")]
    assert [link.partition("/compare/")[0] for link in away if "#" not in link] == (
        ["https://codeberg.org/octo/shop"] if forge == "https://codeberg.org" else []
    )
