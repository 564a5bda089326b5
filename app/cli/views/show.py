"""`updater status` and `updater history`: the listener's answers as rows of text."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.api.rollout import Result
from app.api.status import Held, IgnoredDelivery, Status
from app.cli.following.display import percent_text, retry_text
from app.cli.following.progress import FollowedRollout
from app.cli.following.summary import step_rows, summary
from app.cli.views.text import moment, plain, release, seconds, sha
from app.domain.history import HistoryEntry
from app.domain.public_page import page_of

BAR_WIDTH = 30
PLAIN_WIDTH = 200
"""The width of a table if the output is not a terminal."""

ERROR_SHOWN = 100

UNADOPTED = "the running stack, which the updater has not taken over"

Row = tuple[str, str]

_STAYS = "it keeps your traffic: see the alarm"
_GONE = "traffic is unchanged, and it does not go live unless it is published again or you deploy it"

PAUSED = "paused"
"""The reason of a release that a pause holds. The row `paused` shows it once for all of them."""


def console(*, stderr: bool = False) -> Console:
    """A console that treats no text as markup."""
    made = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not made.is_terminal:
        made.width = PLAIN_WIDTH
    return made


def status_rows(status: Status) -> Iterator[Row]:
    """The most important row first."""
    yield "live", _live(status)
    yield "state", plain(status.state)
    if running := status.rollout:
        where = f"{plain(running.step or 'between steps')}, {percent_text(running.percent, running.eta_seconds)}"
        yield "rollout", f"{plain(running.tag)}: {where} ({plain(running.id)})"
        if page := page_of(status.public_url, running.id):
            yield "page", plain(page)
        if running.retry:
            yield "retry", retry_text(running.retry, datetime.now(UTC))
    if status.paused:
        yield "paused", plain(status.pause_reason or "")
    for alarm in status.alarms:
        yield "alarm", plain(alarm.text)
    yield from _waiting(status)
    yield from _withdrawn(status)
    if status.last_result:
        yield "last", _last(status.last_result)
    if status.ignored:
        last = status.ignored[0]
        yield "ignored", f"{plain(last.tag)}, {moment(last.at)}. `updater status --ignored` lists why"
    if status.last_checked_at:
        yield "checked", moment(status.last_checked_at)
    if not status.worker_alive:
        yield "worker", "no heartbeat: no rollout starts or continues until it runs. Your traffic is not affected."


def _live(status: Status) -> str:
    live = status.current
    color = f" on {plain(status.active_color)}" if status.active_color else ""
    if live is None:
        refused = any(alarm.kind == "not_adopted" for alarm in status.alarms)
        return (UNADOPTED if refused else "nothing") + color
    since = f", since {moment(live.since)}" if live.since else ""
    before = ", ran before the updater" if live.adopted else ""
    several = [f"{number} copies of {plain(name)}" for name, number in live.copies.items() if number > 1]
    return release(live.tag, live.sha) + color + since + before + "".join(f", {each}" for each in several)


def _waiting(status: Status) -> Iterator[Row]:
    if status.queued:
        yield "queued", ", ".join(map(plain, status.queued))
    why = {held.tag: held for held in status.held_for}
    if paused := [tag for tag in status.held if why.get(tag, Held(reason=PAUSED)).reason == PAUSED]:
        yield "held", ", ".join(map(plain, paused))
    for held in why.values():
        if held.reason != PAUSED:
            yield "held", plain(held.text)


def _withdrawn(status: Status) -> Iterator[Row]:
    live = {status.current.tag} if status.current else set()
    if status.rollout and any(alarm.kind == "live_release_withdrawn" for alarm in status.alarms):
        live.add(status.rollout.tag)  # it is on trial
    for each in status.withdrawn:
        meant = _STAYS if each.tag in live else _GONE
        yield "withdrawn", f"{plain(each.tag)}, {moment(each.at)}: {plain(each.reason)}; {meant}"


def _last(last: Result) -> str:
    took = f" in {seconds(last.duration_seconds)}" if last.duration_seconds else ""
    return f"{plain(last.tag)} {plain(last.status).replace('_', ' ')}{took}, {moment(last.completed_at)}"


def history_rows(entries: Sequence[HistoryEntry]) -> Iterator[tuple[str, ...]]:
    """Time, tag, result, duration, trigger, commit, rollout id, error."""
    for entry in entries:
        yield (
            moment(entry.timestamp),
            plain(entry.tag),
            plain(entry.result).replace("_", " "),
            seconds(entry.duration_seconds) if entry.duration_seconds else "",
            plain(entry.trigger or ""),
            sha(entry.sha or ""),
            plain(entry.rollout_id),
            plain(entry.error or "").split("\n")[0][:ERROR_SHOWN],
        )


def show_rows(out: Console, rows: Iterable[Row]) -> None:
    """Prints one row per name and value."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    out.print(table)


def show_history(out: Console, entries: Sequence[HistoryEntry]) -> None:
    if not entries:
        out.print("The history is empty.")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("when", "tag", "result", "took", "asked by", "commit", "rollout", "why"):
        table.add_column(name, overflow="fold")
    for row in history_rows(entries):
        table.add_row(*(Text(cell) for cell in row))
    out.print(table)


def show_ignored(out: Console, ignored: Sequence[IgnoredDelivery]) -> None:
    if not ignored:
        out.print("No release was ignored.")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("when", "tag", "repository", "why"):
        table.add_column(name, overflow="fold")
    for each in ignored:
        row = (moment(each.at), plain(each.tag), plain(each.repository), plain(each.reason))
        table.add_row(*map(Text, row))
    out.print(table)


def show_summary(out: Console, progress: FollowedRollout) -> None:
    """Prints the summary of an ended rollout, then each step with its duration as a bar."""
    out.print()
    show_rows(out, summary(progress))
    steps = step_rows(progress)
    longest = max((took or 0.0 for _, took, _ in steps), default=0.0) or 1.0
    table = Table.grid(padding=(0, 2))
    for name, took, error in steps:
        bar = "▇" * max(1, round(BAR_WIDTH * took / longest)) if took is not None else ""
        table.add_row("", Text(name), f"{took:8.2f} s" if took is not None else "not ended", bar, Text(_first(error)))
    if steps:
        out.print()
        out.print(table)


def _first(error: str) -> str:
    return error.split("\n", maxsplit=1)[0][:ERROR_SHOWN]
