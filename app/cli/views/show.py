"""`updater status` and `updater history`: the listener's answers as rows of text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.cli.following.display import percent_text
from app.cli.following.progress import FollowedRollout
from app.cli.following.summary import step_rows, summary
from app.cli.views.text import (
    moment,
    plain,
    release,
    seconds,
    sha,
)

BAR_WIDTH = 30
PLAIN_WIDTH = 200
"""How wide a table may be where there is no terminal to fit it into."""

ERROR_SHOWN = 100

UNADOPTED = "what ran before the updater, which has not taken it over"

Row = tuple[str, str]
Json = Mapping[str, Any]

PAUSED: Json = {"reason": "paused"}
"""What holds a release is told once, and not for each of them."""


def console(*, stderr: bool = False) -> Console:
    """A console that takes nothing in a text for markup."""
    made = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not made.is_terminal:
        made.width = PLAIN_WIDTH
    return made


def status_rows(status: Json) -> Iterator[Row]:
    """The status, what matters most first."""
    current = status.get("current") or {}
    color = f" on {plain(status['active_color'])}" if status.get("active_color") else ""
    since = f", since {moment(current['since'])}" if current.get("since") else ""
    before = ", ran before the updater" if current.get("adopted") else ""
    serves = UNADOPTED if not current and _is_refused(status) else release(current.get("tag"), current.get("sha"))
    yield "live", serves + color + since + before
    yield "state", plain(status.get("state", "unknown"))
    if rollout := status.get("rollout"):
        progress = FollowedRollout(str(rollout.get("id") or "")).see_status({"rollout": rollout})
        where = progress.step or "between steps"
        yield (
            "rollout",
            f"{plain(progress.tag)}: {plain(where)}, {percent_text(progress)} ({plain(progress.rollout_id)})",
        )
    if status.get("paused"):
        yield "paused", plain(status.get("pause_reason") or "")
    for alarm in status.get("alarms") or ():
        yield "alarm", plain(alarm.get("text") or "")
    yield from _waiting(status)
    if last := status.get("last_result"):
        yield "last", _last(last)
    if checked := status.get("last_checked_at"):
        yield "checked", moment(checked)
    if status.get("worker_alive") is False:
        yield "worker", "no heartbeat: no rollout starts or goes on until it runs; traffic stays where it is"


def _is_refused(status: Json) -> bool:
    return any(alarm.get("kind") == "not_adopted" for alarm in status.get("alarms") or ())


def _waiting(status: Json) -> Iterator[Row]:
    if queued := status.get("queued"):
        yield "queued", ", ".join(plain(tag) for tag in queued)
    told = {held.get("tag"): held for held in status.get("held_for") or ()}
    if paused := [tag for tag in status.get("held") or () if told.get(tag, PAUSED).get("reason") == "paused"]:
        yield "held", ", ".join(plain(tag) for tag in paused)
    for held in told.values():
        if held.get("reason") != "paused":
            yield "held", plain(held.get("text"))


def _last(last: Json) -> str:
    took = f" in {seconds(last['duration_seconds'])}" if last.get("duration_seconds") else ""
    word = plain(last.get("status")).replace("_", " ")
    return f"{plain(last.get('tag'))} {word}{took}, {moment(last.get('completed_at'))}"


def history_rows(entries: Sequence[Json]) -> Iterator[tuple[str, ...]]:
    """When, tag, result, how long, who asked, the commit, the rollout's id, why."""
    for entry in entries:
        why = plain(entry.get("error") or "").split("\n")[0][:ERROR_SHOWN]
        took = entry.get("duration_seconds")
        yield (
            moment(entry.get("timestamp")),
            plain(entry.get("tag")),
            plain(entry.get("result")).replace("_", " "),
            seconds(took) if took else "",
            plain(entry.get("trigger") or ""),
            sha(entry.get("sha") or ""),
            plain(entry.get("rollout_id") or ""),
            why,
        )


def show_rows(out: Console, rows: Iterable[Row]) -> None:
    """Name and value, one below the other."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    out.print(table)


def show_history(out: Console, entries: Sequence[Json]) -> None:
    if not entries:
        out.print("No release has been decided yet.")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("when", "tag", "result", "took", "asked by", "commit", "rollout", "why"):
        table.add_column(name, overflow="fold")
    for row in history_rows(entries):
        table.add_row(*(Text(cell) for cell in row))
    out.print(table)


def show_summary(out: Console, progress: FollowedRollout) -> None:
    """The end of a rollout: the facts, then every step with its share of the time."""
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
