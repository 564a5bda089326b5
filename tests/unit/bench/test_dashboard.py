import asyncio
import re

import pytest

from app.api.rollout import Record
from app.api.status import PublishedStatus
from app.web.calls.dashboard import PAGE
from deploy.bench.dashboard import rollout
from deploy.bench.dashboard.pages import POLL_MS, TRAFFIC_MS, Page, Unexpected


def test_pages_ask_as_often_as_the_dashboard() -> None:
    (store,) = PAGE.rglob("store.js")
    known = dict(re.findall(r"\b([A-Z_]+_MS) = ([\d_]+)", store.read_text()))
    assert {name: int(known[name]) for name in ("POLL_MS", "TRAFFIC_MS")} == {
        "POLL_MS": POLL_MS,
        "TRAFFIC_MS": TRAFFIC_MS,
    }


async def test_page_does_not_go_on_after_a_refusal() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        page = Page(server.sockets[0].getsockname()[1])
        with pytest.raises(Unexpected, match=r"GET /: .* 429"):
            await page.open("secret")
        await page.close()


@pytest.mark.parametrize("begun", [1, 9, len(rollout.STEPS)])
def test_published_rollout_is_one_that_web_reads(begun: int) -> None:
    status = PublishedStatus.model_validate(rollout.status_of(begun).as_json())
    record = Record.model_validate(rollout.record_of(rollout.ENTRIES, begun, ended=False).as_json())
    assert status.rollout is not None
    assert (status.rollout.id, status.rollout.step) == (record.rollout_id, record.steps[-1].name)
    assert [step.seconds for step in record.steps if step.seconds is None] == [None]


def test_history_leads_to_the_live_release() -> None:
    newest = rollout.entry_of(rollout.ENTRIES - 1)
    current = rollout.status_of(1).current
    assert current is not None
    assert newest.tag == current.tag
    assert newest.previous == rollout.entry_of(rollout.ENTRIES - 2).tag
