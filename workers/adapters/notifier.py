"""Sends messages through apprise: Discord, Slack, mail, webhooks and many more."""

import asyncio
import concurrent.futures
import json
import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import structlog
from pydantic import AwareDatetime, ValidationError

from app.domain.long_lines import brief
from app.domain.notices.book import QUIET, Book, Waiting
from app.domain.notices.notice import Kind, Notice, digest
from app.files import keep_copy, replace_durably
from app.lazy_adapter import LazyAdapter
from app.stored import read_each
from workers.adapters.redaction import Hide
from workers.ports import Clock

MODE = 0o600
_BOOK = LazyAdapter(Book)
_WAITING = LazyAdapter(Waiting)
_TOLD = LazyAdapter(tuple[str, AwareDatetime])
_COUNT = LazyAdapter(int)
_TWICE = "some messages may be sent twice"
_TYPES: Mapping[Kind, str] = {
    Kind.LIVE: "success",
    Kind.ROLLED_BACK: "failure",
    Kind.FAILED: "failure",
    Kind.ALARM: "failure",
    Kind.PAUSED: "warning",
    Kind.HELD: "warning",
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


class AppriseNotifier:
    """Sends notices of the chosen `events` to every target of `urls`. Each target has its own task and thread.

    `file` records which messages were sent and which wait. It is on disk when `notify` returns, so a restart neither
    loses nor repeats a message. A service that accepts a message without confirming it may get it twice.
    """

    def __init__(
        self,
        urls: Sequence[str],
        events: Collection[Kind],
        file: Path,
        clock: Clock,
        *,
        hide: Hide = lambda value: value,
        patience: Patience | None = None,
    ) -> None:
        self._targets = {digest(url): url for url in urls}
        self._events, self._file, self._clock, self._hide = events, file, clock, hide
        self._patience = patience or Patience()
        self._woken = {target: asyncio.Event() for target in self._targets}
        self._sending: dict[str, concurrent.futures.Future[str | None]] = {}
        self._book = _read(file).only_for(self._targets)

    def notify(self, notice: Notice) -> None:
        to = self._targets if notice.kind in {*self._events, Kind.TEST} else ()
        hidden = replace(notice, title=brief(self._hide(notice.title)), text=brief(self._hide(notice.text)))
        self._turn(lambda book: book.notify(hidden, self._clock.now(), to))

    def mark(self, event: str) -> None:
        self._turn(lambda book: book.mark(event, self._clock.now()))

    def settle(self, prefix: str, *, standing: Sequence[str] = (), before: datetime | None = None) -> bool:
        until = before or self._clock.now() - QUIET
        return self._turn(lambda book: book.forget(prefix, but=standing, before=until))

    def counts(self) -> dict[str, int]:
        return {**self._book.counts(), "targets": len(self._targets)}

    async def run(self) -> None:
        """Sends messages until it is cancelled."""
        await asyncio.gather(*(self._serve(target) for target in self._targets))

    async def _serve(self, target: str) -> None:
        pause = self._patience.first_pause
        while True:
            self._woken[target].clear()
            if (waiting := self._book.next_for(target)) is None:
                await self._woken[target].wait()
                continue
            reason = await self._send(target, waiting.notice)
            tried = (self._clock.now() - waiting.since).total_seconds()
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

        There is at most one thread per target, because a thread may hang forever.
        """
        if (earlier := self._sending.get(target)) and not earlier.done():
            return "an earlier try still hangs"
        self._sending[target] = trying = _in_thread(lambda: deliver(self._targets[target], notice))
        try:
            async with asyncio.timeout(self._patience.send):
                return await asyncio.wrap_future(trying)
        except TimeoutError:
            return f"no answer within {self._patience.send:g} s"
        except Exception as error:  # a plugin may raise any exception
            return f"{type(error).__name__}: {error}"

    def _place(self, target: str) -> str:
        """Identifies the target's URL without showing it."""
        return f"URL {list(self._targets).index(target) + 1} of {len(self._targets)}"

    def _turn(self, change: Callable[[Book], Book]) -> bool:
        """Applies `change` and returns whether it changed anything. If the write fails, a restart loses the change."""
        new = change(self._book)
        if new is self._book:
            return False
        self._book = new
        try:
            replace_durably(self._file, _BOOK.built.dump_json(new), staging=self._file.parent, mode=MODE)
        except OSError as error:
            log.warning("could not save the notification state", path=str(self._file), reason=str(error))
        for woken in self._woken.values():
            woken.set()
        return True


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


def _in_thread(work: Callable[[], str | None]) -> concurrent.futures.Future[str | None]:
    """Runs `work` in a daemon thread: the process does not wait for it at its end, unlike for the journal's threads."""
    done: concurrent.futures.Future[str | None] = concurrent.futures.Future()
    done.set_running_or_notify_cancel()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # the waiting task raises it
            done.set_exception(error)

    threading.Thread(target=run, name="notify", daemon=True).start()
    return done


def _read(file: Path) -> Book:
    """Returns the content of `file`. Of a file that another version wrote, it returns what is readable."""
    try:
        content = file.read_bytes()
        return _BOOK.built.validate_json(content)
    except FileNotFoundError:
        return Book()
    except OSError as error:
        log.warning("cannot read the notification state", effect=_TWICE, path=str(file), reason=str(error))
        return Book()
    except ValidationError as error:
        copy = keep_copy(file, mode=MODE)
        log.warning(
            "cannot read all of the notification state", effect=_TWICE, path=str(file), reason=str(error), kept=copy
        )
        return _readable(content)


def _readable(content: bytes) -> Book:
    try:
        fields = json.loads(content)
    except ValueError:
        return Book()
    if not isinstance(fields, dict):
        return Book()
    told = fields.get("told")
    known = dict(read_each(_TOLD, told.items() if isinstance(told, dict) else ()))
    sent, given_up = (next(iter(read_each(_COUNT, [fields.get(name)])), 0) for name in ("sent", "given_up"))
    return Book(known, tuple(read_each(_WAITING, fields.get("waiting"))), sent, given_up)
