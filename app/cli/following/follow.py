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
from app.cli.views.text import document, release


async def ask_and_follow(
    updater: ApiClient, path: str, body: Json, *, tag: str = "", forced: bool, wait: bool, as_json: bool
) -> Exit:
    """POSTs `body` to `path`; with `wait` follows the rollout that comes of it, in JSON its result is the one document.

    `forced`: a pause does not hold it.
    """
    before = (await updater.status()).current
    answer = await updater.start(path, body)
    if isinstance(answer, Result):
        return _nothing_to_do(answer, as_json=as_json)
    rollout_id = answer.rollout_id
    if not wait:
        if as_json:
            write(document(answer.as_received()))
        else:
            console().print(f"Queued as {rollout_id}. `updater status --watch` follows it.", soft_wrap=True)
        return Exit.DONE
    out = console(stderr=as_json)
    ended = await RolloutWatch(updater, _display(out)).follow(
        FollowedRollout(rollout_id, tag, forced=forced, before=before)
    )
    _tell_end(out, ended, as_json=as_json)
    return Exit.DONE if reached(ended, going_back=path.endswith("/rollback")) else Exit.FAILED


async def watch(updater: ApiClient, *, as_json: bool) -> Exit:
    """Follows the rollout that runs, or the next one; in JSON one object a line, the result the last."""
    out = console()
    display: Display = JsonLines(write) if as_json else _display(out)
    watching = RolloutWatch(updater, display)
    ended = await watching.follow(await watching.next())
    _tell_end(out, ended, as_json=as_json)
    return Exit.DONE if reached(ended, going_back=False) else Exit.FAILED


def reached(progress: FollowedRollout, *, going_back: bool) -> bool:
    """Whether what was asked for is so. Who asked to go back has it too when a rollout on trial was turned back."""
    result = progress.result or Result()
    turned_back = result.status == "rolled_back" and result.reason_code == "operator_rollback"
    return result.succeeded or (going_back and turned_back)


def _nothing_to_do(result: Result, *, as_json: bool) -> Exit:
    """The updater answers with a result at once when the release is live already."""
    if as_json:
        write(document(result.as_received()))
    else:
        live = release(result.tag, result.new_sha)
        console().print(f"{live} is live already. Nothing was started; traffic stays as it is.", soft_wrap=True)
    return Exit.DONE


def _display(out: Console) -> Display:
    return LivePicture(out) if out.is_terminal else PlainLines(out)


def _tell_end(out: Console, ended: FollowedRollout, *, as_json: bool) -> None:
    if as_json:
        write(document(ended.result.as_received() if ended.result else None))
    else:
        show_summary(out, ended)
