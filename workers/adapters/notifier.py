"""Sends messages through apprise: Discord, Slack, mail, webhooks and many more."""

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import structlog

from app.domain.errors import StaleWorker
from app.domain.long_lines import brief
from app.domain.notices.book import QUIET, Book, Waiting
from app.domain.notices.notice import Kind, Notice, digest
from app.domain.public_page import page_of
from workers.adapters.redaction import Hide
from workers.ports import Clock

_TYPES: Mapping[Kind, str] = {
    Kind.LIVE: "success",
    Kind.ROLLED_BACK: "failure",
    Kind.FAILED: "failure",
    Kind.ALARM: "failure",
    Kind.PAUSED: "warning",
    Kind.HELD: "warning",
    Kind.IGNORED: "warning",
}
"""apprise's message type, which some services show as a color. Every other kind is `info`."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Patience:
    """Seconds: the limit of one try, the first and the longest pause between tries, and when to give up a message."""

    send: float = 20.0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    give_up: float = 900.0


class KeptBook(Protocol):
    """Where the book is kept across restarts."""

    def read(self) -> Book: ...
    def write(self, book: Book) -> None:
        """Keeps `book`, or logs why it could not. Raises StaleWorker when another worker has taken over."""


Trying = concurrent.futures.Future[str | None]
"""One try: its result is None when the target accepted the message, else the reason."""


class AppriseNotifier:
    """Sends notices of the chosen `events` to every target of `urls`. Each target has its own task and thread.

    `kept` records which messages were sent and which wait. It is on disk when `notify` returns, so a restart neither
    loses nor repeats a message. A service that accepts a message without confirming it may get it twice. When another
    worker has taken over, its book counts: this one keeps nothing more, and ends with the message that it is sending.
    `begin` begins one try to send a message to a URL, and does not wait for it. With a `public_url`, each message ends
    with the address of the rollout's page, or of the dashboard.
    """

    def __init__(
        self,
        urls: Sequence[str],
        events: Collection[Kind],
        kept: KeptBook,
        clock: Clock,
        *,
        hide: Hide = lambda value: value,
        patience: Patience | None = None,
        begin: Callable[[str, Notice], Trying] | None = None,
        public_url: str | None = None,
    ) -> None:
        self._targets = {digest(url): url for url in urls}
        self._events, self._kept, self._clock, self._hide = events, kept, clock, hide
        self._begin = begin or begin_delivery
        self._public_url = public_url
        self._patience = patience or Patience()
        self._woken = {target: asyncio.Event() for target in self._targets}
        self._sending: dict[str, tuple[str, Trying]] = {}
        self._since: dict[str, float] = {}
        self._read: Book | None = None
        self._replaced = False

    def notify(self, notice: Notice) -> None:
        to = self._targets if notice.kind in {*self._events, Kind.TEST} else ()
        text, page = brief(self._hide(notice.text)), page_of(self._public_url, notice.rollout_id)
        text = f"{text}\n{page}" if page else text  # after the cut: half of an address leads nowhere
        hidden = replace(notice, title=brief(self._hide(notice.title)), text=text)
        self._turn(lambda book: book.notify(hidden, self._clock.now(), to))

    def mark(self, event: str) -> None:
        self._turn(lambda book: book.mark(event, self._clock.now()))

    def settle(self, prefix: str, *, standing: Sequence[str] = (), before: datetime | None = None) -> bool:
        until = before or self._clock.now() - QUIET
        return self._turn(lambda book: book.forget(prefix, but=standing, before=until))

    def counts(self) -> dict[str, int]:
        return {**self._book.counts(), "targets": len(self._targets)}

    async def run(self) -> None:
        """Sends messages until it is cancelled, or another worker has taken over."""
        await asyncio.gather(*(self._serve(target) for target in self._targets))

    async def _serve(self, target: str) -> None:
        pause = self._patience.first_pause
        while not self._replaced:
            self._woken[target].clear()
            if (waiting := self._book.next_for(target)) is None:
                await self._woken[target].wait()
                continue
            reason = await self._send(target, waiting.notice)
            tried = self._tried(waiting)
            if reason is None:
                pause = self._patience.first_pause
                self._turn(lambda book, w=waiting: book.delivered(w.notice.id, target))  # type: ignore[misc]
            elif tried >= self._patience.give_up:
                log.error(
                    "gave up sending a message", notice=waiting.notice.id, target=self._place(target), reason=reason
                )
                self._turn(lambda book, w=waiting: book.give_up(w.notice.id, target))  # type: ignore[misc]
            else:
                log.warning(
                    "could not send a message; retrying",
                    notice=waiting.notice.id,
                    target=self._place(target),
                    reason=reason,
                )
                await self._clock.sleep(pause)
                pause = min(pause * 2, self._patience.longest_pause)

    async def _send(self, target: str, notice: Notice) -> str | None:
        """Returns None when the target accepted the message, else the reason.

        There is at most one thread per target, because a thread may hang forever. If it ends after all, its answer
        counts: a message that was accepted late is not sent again.
        """
        event, trying = self._sending.get(target, ("", None))
        if trying is not None and not trying.done():
            return "an earlier try still hangs"
        if trying is None or event != notice.id or not _accepted(trying):
            trying = self._begin(self._targets[target], notice)
            self._sending[target] = notice.id, trying
        try:
            async with asyncio.timeout(self._patience.send):
                return await asyncio.wrap_future(trying)
        except TimeoutError:
            if trying.done() and _accepted(trying):
                return None  # at the last moment
            return f"no answer within {self._patience.send:g} s"
        except Exception as error:  # a plugin may raise any exception
            return f"{type(error).__name__}: {error}"
        finally:
            if trying.done():  # its answer is used: the same event may be due again later
                self._sending.pop(target, None)

    def _place(self, target: str) -> str:
        """Identifies the target's URL without showing it."""
        return f"URL {list(self._targets).index(target) + 1} of {len(self._targets)}"

    @property
    def _book(self) -> Book:
        """Read when first needed: a worker that waits for the lease would otherwise keep an outdated book."""
        return self._read or self._keep(self._kept.read().only_for(self._targets))

    def _keep(self, book: Book) -> Book:
        """Takes `book`, and notes since when each message waits: in monotonic time, as the clock may be changed."""
        now = self._clock.monotonic()
        self._read = book
        self._since = {w.notice.id: self._since.get(w.notice.id, now) for w in book.waiting}
        return book

    def _tried(self, waiting: Waiting) -> float:
        """Seconds since this process first had the message; 0 if the message was dropped meanwhile."""
        now = self._clock.monotonic()
        return now - self._since.get(waiting.notice.id, now)

    def _turn(self, change: Callable[[Book], Book]) -> bool:
        """Applies `change` and returns whether it changed anything. If the write fails, a restart loses the change."""
        new = change(self._book)
        if new is self._book or self._replaced:
            return False
        self._keep(new)
        try:
            self._kept.write(new)
        except StaleWorker as error:
            log.warning("another worker sends the messages now", reason=str(error))
            self._replaced = True
        for woken in self._woken.values():
            woken.set()
        return True


def _accepted(trying: Trying) -> bool:
    return trying.exception() is None and trying.result() is None


def deliver(url: str, notice: Notice) -> str | None:
    """Makes one try, without a time limit. Returns None when the target accepted the message, else the reason."""
    import apprise  # noqa: PLC0415 - the import takes seconds and 40 MiB, and most stacks do not need it

    logging.getLogger("apprise").propagate = False  # apprise would log more than our own line does
    # Without redirects: another server would get the message, and its answer would count as the target's.
    name = "zetherion-updater"
    asset = apprise.AppriseAsset(app_id=name, app_desc=name, storage_mode="memory", http_redirects=False)
    target = apprise.Apprise(asset=asset)
    target.add(url)
    kind = apprise.NotifyType(_TYPES.get(notice.kind, "info"))
    sent = target.notify(body=notice.text, title=notice.title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT)
    if sent:
        return None
    lines = [entry.message for result in sent.results for attempt in result.attempts for entry in attempt.logs]
    return lines[-1] if lines else "the target did not accept the message"


def begin_delivery(url: str, notice: Notice) -> Trying:
    """Makes one try in a daemon thread: the process does not wait for it at its end, as it does for the journal's."""
    done = Trying()
    done.set_running_or_notify_cancel()

    def run() -> None:
        try:
            done.set_result(deliver(url, notice))
        except BaseException as error:  # the waiting task raises it
            done.set_exception(error)

    threading.Thread(target=run, name="notify", daemon=True).start()
    return done
