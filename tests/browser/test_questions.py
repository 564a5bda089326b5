"""A question before a change: Enter alone never answers it with yes."""

import pytest

from tests.browser.looking import Visitor
from tests.browser.scenes import Scene
from tests.integration.web.conftest import Listening

pytestmark = pytest.mark.redis


@pytest.fixture
async def changes(visitor: Visitor, web: Listening) -> list[str]:
    """The addresses to which the page posts, with a release that waits for its approval."""
    await Scene(web.ledger, web.pool).waiting()
    await visitor.go("Waiting")
    posted: list[str] = []
    visitor.page.on("request", lambda request: posted.append(request.url) if request.method == "POST" else None)
    return posted


@pytest.mark.parametrize("button", ["Approve v2.14.0", "Cancel v2.14.0"])
async def test_enter_keeps_everything_as_it_is(visitor: Visitor, changes: list[str], button: str) -> None:
    await visitor.page.get_by_role("button", name=button, exact=True).press("Enter")
    dialog = visitor.page.get_by_role("dialog")
    await dialog.wait_for()
    assert await visitor.page.evaluate("document.activeElement.textContent") == "Keep as it is"
    await visitor.page.keyboard.press("Enter")
    await dialog.wait_for(state="hidden")
    assert changes == []


async def test_question_for_a_text_begins_in_its_field(visitor: Visitor, changes: list[str]) -> None:
    """Enter without a text answers nothing: the field must have one."""
    await visitor.press("Pause")
    dialog = visitor.page.get_by_role("dialog")
    await dialog.wait_for()
    assert await visitor.page.evaluate("document.activeElement.id") == "dialog-field"
    await visitor.page.keyboard.press("Enter")
    assert await dialog.is_visible()
    assert changes == []
