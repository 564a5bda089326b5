"""Starts a rollout, follows it to its end, and prints the result."""

from rich.console import Console

from app.api.rollout import Result
from app.cli.api.client import ApiClient, Json
from app.cli.errors import Exit
from app.cli.following.display import (
    Display,
    JsonLines,
    LivePicture,
    PlainLines,
)
from app.cli.following.progress import FollowedRollout
from app.cli.following.watch import RolloutWatch
from app.cli.report import write
from app.cli.views.show import console, show_summary
from app.cli.views.text import document, plain, release
from app.domain.public_page import page_of


async def ask_and_follow(
    updater: ApiClient, path: str, body: Json, *, tag: str = "", forced: bool, wait: bool, as_json: bool
) -> Exit:
    """POSTs `body` to `path` and, with `wait`, follows the rollout to its end.

    With `as_json`, standard output has one document: the result. `forced`: a pause does not hold the rollout.
    """
    status = await updater.status()
    answer = await updater.start(path, body)
    if isinstance(answer, Result):
        return _nothing_to_do(answer, as_json=as_json)
    rollout_id = answer.rollout_id
    if not wait:
        if as_json:
            write(document(answer.as_received()))
        else:
            page = page_of(status.public_url, rollout_id)
            where = f" Its page: {plain(page)}" if page else ""
            console().print(f"Queued as {rollout_id}. `updater status --watch` follows it.{where}", soft_wrap=True)
        return Exit.DONE
    out = console(stderr=as_json)
    ended = await RolloutWatch(updater, _display(out)).follow(
        FollowedRollout(rollout_id, tag, forced=forced, before=status.current)
    )
    _show_end(out, ended, as_json=as_json)
    return Exit.DONE if reached(ended, going_back=path.endswith("/rollback")) else Exit.FAILED


async def watch(updater: ApiClient, *, as_json: bool) -> Exit:
    """Follows the running rollout or the next one. With `as_json`, one object per line; the last is the result."""
    out = console()
    display: Display = JsonLines(write) if as_json else _display(out)
    watching = RolloutWatch(updater, display)
    ended = await watching.follow(await watching.next())
    _show_end(out, ended, as_json=as_json)
    return Exit.DONE if reached(ended, going_back=False) else Exit.FAILED


def reached(progress: FollowedRollout, *, going_back: bool) -> bool:
    """Whether the request succeeded. A rollback also succeeds by ending a rollout that is in its bake."""
    result = progress.result or Result()
    rolled_back = result.status == "rolled_back" and result.reason_code == "operator_rollback"
    return result.succeeded or (going_back and rolled_back)


def _nothing_to_do(result: Result, *, as_json: bool) -> Exit:
    """Reports a release that is already live: the updater answered with a result at once."""
    if as_json:
        write(document(result.as_received()))
    else:
        live = release(result.tag, result.new_sha)
        console().print(f"{live} is already live. Nothing was started. Your traffic is not affected.", soft_wrap=True)
    return Exit.DONE


def _display(out: Console) -> Display:
    return LivePicture(out) if out.is_terminal else PlainLines(out)


def _show_end(out: Console, ended: FollowedRollout, *, as_json: bool) -> None:
    if as_json:
        write(document(ended.result.as_received() if ended.result else None))
    else:
        show_summary(out, ended)
