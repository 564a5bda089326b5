"""Real messages: apprise, and a real HTTP server that accepts them, refuses them, or never answers."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.domain.notices.notice import Kind, Notice
from tests.integration.listener import Listener, listening
from tests.integration.waiting import until
from tests.running import running
from workers.adapters.machine import SystemClock
from workers.adapters.notice_file import NoticeFile
from workers.adapters.notifier import AppriseNotifier, Patience

HURRY = Patience(send=0.5, first_pause=0.05, longest_pause=0.1, give_up=0.3)
PATIENT = Patience(send=60, first_pause=0.05, longest_pause=0.1, give_up=600)
MANY = 20
STEADY = Patience(send=2, first_pause=0.05, longest_pause=0.1, give_up=3)
"""A target that answers gets each message in time, also on a busy machine. apprise itself ends a try after four
seconds."""

AT_ONCE = 20.0
"""The limit to record MANY messages on disk, on a busy machine; waiting for the target would take much longer."""

ALL_ENDED = 300.0


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as one:
        yield one


@pytest.fixture
def other() -> Iterator[Listener]:
    with listening() as one:
        yield one


Make = Callable[..., AppriseNotifier]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(*urls: str, patience: Patience = PATIENT, events: frozenset[Kind] = frozenset(Kind)) -> AppriseNotifier:
        def hide(text: str) -> str:
            return text.replace("canary", "[hidden]")

        file = NoticeFile(tmp_path / "notices.json")
        return AppriseNotifier(urls, events, file, SystemClock(), hide=hide, patience=patience)

    return make


def a_notice(event: str, kind: Kind = Kind.LIVE) -> Notice:
    return Notice(event, kind, f"shop: {event}", "It is <live> & *well*.\ncanary")


async def test_message_arrives_once_without_secrets(make: Make, listener: Listener) -> None:
    notifier = make(listener.url)
    async with running(notifier):
        for _ in range(3):
            notifier.notify(a_notice("e1"))
        notifier.notify(a_notice("e2", Kind.ROLLED_BACK))
        await until(lambda: notifier.counts()["sent"] == 2)
    assert listener.titles() == ["shop: e1", "shop: e2"]
    assert listener.got[0]["message"] == "It is <live> & *well*.\n[hidden]"
    assert [message["type"] for message in listener.got] == ["success", "failure"]


@pytest.mark.parametrize(("rollout_id", "page"), [("r-1", "/rollouts/r-1"), (None, "/")])
async def test_message_ends_with_the_page(
    listener: Listener, tmp_path: Path, rollout_id: str | None, page: str
) -> None:
    file, url = NoticeFile(tmp_path / "notices.json"), "https://updater.example.org"
    notifier = AppriseNotifier([listener.url], frozenset(Kind), file, SystemClock(), public_url=url)
    async with running(notifier):
        notifier.notify(Notice("e1", Kind.FAILED, "shop: failed", "x" * 100_000, rollout_id))
        await until(lambda: notifier.counts()["sent"] == 1)
    assert listener.got[0]["message"].splitlines()[-1] == f"{url}{page}"


async def test_restart_sends_waiting_messages_only(make: Make, listener: Listener) -> None:
    before = make(listener.url)
    async with running(before):
        before.notify(a_notice("e1"))
        await until(lambda: before.counts()["sent"] == 1)
    before.notify(a_notice("e2"))
    after = make(listener.url)
    async with running(after):
        after.notify(a_notice("e1"))
        await until(lambda: after.counts()["sent"] == 2)
    assert listener.titles() == ["shop: e1", "shop: e2"]


async def test_refused_message_is_retried(make: Make, listener: Listener) -> None:
    listener.status = 500
    notifier = make(listener.url)
    async with running(notifier):
        notifier.notify(a_notice("e1"))
        await until(lambda: len(listener.got) >= 3)
        listener.status = 200
        await until(lambda: notifier.counts()["sent"] == 1)
    assert notifier.counts() == {"sent": 1, "given_up": 0, "waiting": 0, "targets": 1}


async def test_given_up_message_is_counted_and_url_hidden(
    make: Make, listener: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    listener.status = 500
    notifier = make(listener.url, patience=HURRY)
    async with running(notifier):
        notifier.notify(a_notice("e1"))
        await until(lambda: notifier.counts()["given_up"] == 1)
    assert notifier.counts()["waiting"] == 0
    captured = capsys.readouterr()
    assert "gave up sending a message" in captured.out
    assert "URL 1 of 1" in captured.out
    assert "500" in captured.out
    assert "canary" not in captured.out + captured.err


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_not_followed(make: Make, listener: Listener, other: Listener, status: int) -> None:
    listener.status, listener.location = status, other.url.replace("json://", "http://")
    notifier = make(listener.url, patience=HURRY)
    async with running(notifier):
        notifier.notify(a_notice("e1"))
        await until(lambda: notifier.counts()["given_up"] == 1)
    assert (notifier.counts()["sent"], other.got) == (0, [])


async def test_hanging_target_delays_no_other_target(make: Make, listener: Listener, other: Listener) -> None:
    listener.status = None
    notifier = make(listener.url, other.url, patience=STEADY)
    threads = threading.active_count()
    async with running(notifier):
        began = time.monotonic()
        for n in range(MANY):
            notifier.notify(a_notice(f"e{n}"))
        assert time.monotonic() - began < AT_ONCE
        await until(lambda: notifier.counts()["sent"] == MANY, ALL_ENDED)
        await until(lambda: notifier.counts()["given_up"] == MANY, ALL_ENDED)
    assert len(other.got) == MANY
    assert len(listener.got) < MANY, "only one thread at a time sends to a target"
    assert threading.active_count() <= threads + 4


async def test_only_selected_events_are_sent(make: Make, listener: Listener) -> None:
    notifier = make(listener.url, events=frozenset({Kind.ROLLED_BACK}))
    async with running(notifier):
        notifier.notify(a_notice("e1", Kind.LIVE))
        notifier.notify(a_notice("e2", Kind.ROLLED_BACK))
        await until(lambda: notifier.counts()["sent"] == 1)
    assert listener.titles() == ["shop: e2"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"told": 3}'])
async def test_corrupt_file_does_not_stop_messages(
    make: Make, listener: Listener, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "notices.json").write_bytes(content)
    notifier = make(listener.url)
    async with running(notifier):
        notifier.notify(a_notice("e1"))
        await until(lambda: notifier.counts()["sent"] == 1)
    assert (tmp_path / "notices.json").stat().st_mode & 0o777 == 0o600


async def test_message_of_another_version_is_skipped(make: Make, listener: Listener, tmp_path: Path) -> None:
    """The readable messages are sent, no event is notified twice, and the file is kept for the other version."""
    file = tmp_path / "notices.json"
    before = make(listener.url)
    for name in ("e1", "e2", "e3"):
        before.notify(a_notice(name))
    book = json.loads(file.read_bytes())
    book["waiting"][1]["notice"]["kind"] = "celebration"
    book["told"]["e4"] = "yesterday"
    book |= {"sent": "many", "given_up": 7}
    file.write_text(json.dumps(book))
    notifier = make(listener.url)
    async with running(notifier):
        for name in ("e1", "e3", "e4"):
            notifier.notify(a_notice(name))
        await until(lambda: notifier.counts()["sent"] == 3)
    assert listener.titles() == ["shop: e1", "shop: e3", "shop: e4"]
    assert notifier.counts() == {"sent": 3, "given_up": 7, "waiting": 0, "targets": 1}
    assert json.loads((tmp_path / "notices.json.unreadable").read_bytes()) == book


def test_long_message_is_shortened(make: Make, listener: Listener, tmp_path: Path) -> None:
    notifier = make(listener.url)
    notifier.notify(Notice("e1", Kind.FAILED, "shop: failed", "what happened\n" + "x" * 1_000_000 + "\nwhat to do"))
    text = json.loads((tmp_path / "notices.json").read_bytes())["waiting"][0]["notice"]["text"]
    first, cut, last = text.splitlines()
    assert (first, last) == ("what happened", "what to do")
    assert cut.endswith("[cut: the line had 1000000 bytes]")
    assert len(text) < 2000


async def test_missing_directory_does_not_stop_messages(listener: Listener, tmp_path: Path) -> None:
    notifier = AppriseNotifier(
        [listener.url], frozenset(Kind), NoticeFile(tmp_path / "none" / "notices.json"), SystemClock()
    )
    async with running(notifier):
        notifier.notify(a_notice("e1"))
        await until(lambda: notifier.counts()["sent"] == 1)


def test_file_contains_no_url(make: Make, listener: Listener, tmp_path: Path) -> None:
    make(listener.url).notify(a_notice("e1"))
    text = (tmp_path / "notices.json").read_text()
    assert "e1" in text
    assert "canary" not in text
    assert "127.0.0.1" not in text
