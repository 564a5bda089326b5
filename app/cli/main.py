"""The commands. Each calls the internal listener, except `init`, `token` and part of `doctor`."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from app.api.model import ResponseModel
from app.api.requests import HISTORY_DEFAULT, HISTORY_MOST
from app.api.responses import Approved, Cancelling, Notified, Paused, Resumed
from app.cli.api.access import access
from app.cli.api.client import ApiClient
from app.cli.api.log_stream import print_log
from app.cli.errors import CannotReach, Exit, NotAllowed, WrongUse
from app.cli.following.follow import ask_and_follow, watch
from app.cli.following.rollback import roll_back, show_rollback_plan
from app.cli.offline import init, token
from app.cli.options import Json
from app.cli.report import ending, write
from app.cli.views.doctor import doctor_lines, failed, local_checks
from app.cli.views.plan import plan_lines
from app.cli.views.show import (
    console,
    show_history,
    show_ignored,
    show_rows,
    status_rows,
)
from app.cli.views.text import document, plain
from app.domain.findings import Check

app = typer.Typer(
    help="Zero-downtime releases of a Compose stack: see what is live, deploy, roll back, and find problems.",
    epilog="Exit codes: 0 done, 1 failed or rolled back, 2 usage, 3 cannot reach, 4 not allowed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback with local variables would show the secret
)

NoWait = Annotated[bool, typer.Option("--no-wait", help="Return as soon as the rollout is queued.")]


def _ask(call: Callable[[ApiClient], Awaitable[Exit]], *, as_json: bool) -> None:
    async def run() -> Exit:
        async with ApiClient(access(os.environ)) as updater:
            return await call(updater)

    with ending(as_json=as_json):
        raise typer.Exit(asyncio.run(run()))


def _say(answer: ResponseModel, sentence: str, *, as_json: bool) -> Exit:
    if as_json:
        write(document(answer.as_received()))
    else:
        console().print(sentence, soft_wrap=True)
    return Exit.DONE


@app.command()
def status(
    watch_it: Annotated[bool, typer.Option("--watch", "-w", help="Follow the rollout, or the next one.")] = False,
    ignored: Annotated[
        bool, typer.Option("--ignored", help="List the last releases that were ignored, and why.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what is live, what is running and what is waiting."""

    async def call(updater: ApiClient) -> Exit:
        if watch_it:
            return await watch(updater, as_json=as_json)
        answer = await updater.status()
        if as_json:
            received = answer.as_received()
            write(document(received.get("ignored", []) if ignored else received))
        elif ignored:
            show_ignored(console(), answer.ignored)
        else:
            show_rows(console(), status_rows(answer))
        return Exit.DONE

    _ask(call, as_json=as_json)


@app.command()
def deploy(
    tag: str,
    force: Annotated[
        bool, typer.Option("--force", help="Deploy while paused, an older tag, or although preflight fails.")
    ] = False,
    commit: Annotated[
        str | None, typer.Option(metavar="SHA", help="The commit that TAG has to point to, or its first 7 digits.")
    ] = None,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Deploy the release TAG and follow its rollout to the end."""
    body: dict[str, Any] = {"tag": tag, **({"commit": commit} if commit else {}), **({"force": True} if force else {})}
    _ask(
        lambda updater: ask_and_follow(
            updater, "/update/apply", body, tag=tag, forced=force, wait=not no_wait, as_json=as_json
        ),
        as_json=as_json,
    )


@app.command()
def rollback(
    sha: Annotated[
        str | None, typer.Argument(help="The commit of a kept release. Default: the release before the live one.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Roll back even if the live release cannot be rolled back.")] = False,
    current_env: Annotated[
        bool, typer.Option("--current-env", help="Start the old images with today's values of your env files.")
    ] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Roll back to a kept release, without a build, and pause rollouts."""
    _ask(
        lambda updater: roll_back(
            updater, sha, force=force, current_env=current_env, wait=not no_wait, as_json=as_json
        ),
        as_json=as_json,
    )


@app.command()
def pause(reason: str, as_json: Json = False) -> None:
    """Pause: no rollout starts until `unpause`. Releases are still accepted."""

    async def call(updater: ApiClient) -> Exit:
        answer = await updater.change(Paused, "/update/pause", {"reason": reason})
        text = "Paused. Releases are accepted and wait. A running rollout continues to its end."
        return _say(answer, text, as_json=as_json)

    _ask(call, as_json=as_json)


@app.command()
def unpause(as_json: Json = False) -> None:
    """Resume rollouts. The newest waiting release starts at once."""

    async def call(updater: ApiClient) -> Exit:
        answer = await updater.change(Resumed, "/update/unpause", {})
        return _say(answer, "Rollouts may start again. The newest waiting release starts at once.", as_json=as_json)

    _ask(call, as_json=as_json)


@app.command()
def approve(
    tag: str,
    commit: Annotated[
        str | None, typer.Option(metavar="SHA", help="The commit that you looked at, or its first 7 digits.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Approve a release that is waiting for approval (UPDATE_REQUIRE_APPROVAL)."""

    async def call(updater: ApiClient) -> Exit:
        body = {"tag": tag, **({"commit": commit} if commit else {})}
        answer = await updater.change(Approved, "/update/approve", body)
        held = answer.held_for
        then = held.text if held else "It starts at once; `updater status --watch` follows it."
        what = f" ({answer.commit[:12]})" if answer.commit else ""
        return _say(answer, plain(f"{tag}{what} is approved. {then}"), as_json=as_json)

    _ask(call, as_json=as_json)


@app.command()
def cancel(rollout_id: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """Stop a rollout that has not moved the route yet."""

    async def call(updater: ApiClient) -> Exit:
        answer = await updater.change(Cancelling, "/update/cancel", {"rollout_id": rollout_id})
        text = f"{plain(rollout_id)} is being cancelled. Its route did not move. `updater status` shows when it ends."
        return _say(answer, text, as_json=as_json)

    _ask(call, as_json=as_json)


@app.command()
def history(
    limit: Annotated[int, typer.Option(min=1, max=HISTORY_MOST, help="How many, newest first.")] = HISTORY_DEFAULT,
    as_json: Json = False,
) -> None:
    """List past rollouts and decisions, newest first."""

    async def call(updater: ApiClient) -> Exit:
        answer = await updater.history(limit)
        if as_json:
            write(document(answer.as_received()))
        else:
            show_history(console(), answer.entries)
        return Exit.DONE

    _ask(call, as_json=as_json)


@app.command()
def logs(
    rollout_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="Default: the running or last one.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow the log until the rollout ends.")] = False,
    as_json: Json = False,
) -> None:
    """Print the log of a rollout, including the build's output."""
    _ask(lambda updater: print_log(updater, rollout_id, follow=follow, as_json=as_json), as_json=as_json)


@app.command()
def plan(
    tag: Annotated[str | None, typer.Argument(help="The tag of a release.")] = None,
    back: Annotated[bool, typer.Option("--rollback", help="Show what a rollback would bring back.")] = False,
    as_json: Json = False,
) -> None:
    """Show what a rollout of TAG, or a rollback, would do. Changes nothing."""

    async def call(updater: ApiClient) -> Exit:
        if back is (tag is not None):
            raise WrongUse("A plan is that of one release or of a rollback.", "Give a tag, or --rollback.")
        if tag is None:
            return await show_rollback_plan(updater, as_json=as_json)
        answer = await updater.plan(tag)
        for line in [document(answer.as_received())] if as_json else plan_lines(answer):
            write(line)
        return Exit.DONE

    _ask(call, as_json=as_json)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check the updater, its machine and the stack, and show how to fix each problem."""

    async def ask() -> Sequence[Check]:
        async with ApiClient(access(os.environ)) as updater:
            return (await updater.doctor()).checks

    with ending(as_json=as_json):
        try:
            checks, ends = asyncio.run(ask()), None
        except (CannotReach, NotAllowed, WrongUse) as why:
            checks, ends = local_checks(os.environ, why), why.exit_code
        for line in [document({"checks": [asdict(check) for check in checks]})] if as_json else doctor_lines(checks):
            write(line)
        raise typer.Exit(ends or (Exit.FAILED if failed(checks) else Exit.DONE))


@app.command("notify-test")
def notify_test(as_json: Json = False) -> None:
    """Send a test message to every target in UPDATER_NOTIFY_URLS."""

    async def call(updater: ApiClient) -> Exit:
        answer = await updater.change(Notified, "/notify/test", {})
        text = (
            f"A message is being sent to {answer.targets} targets. "
            "If it does not arrive within a minute, check the worker's log and `updater doctor`."
        )
        return _say(answer, text, as_json=as_json)

    _ask(call, as_json=as_json)


app.command()(init)
app.command()(token)


def main() -> None:
    """`updater`."""
    app(prog_name="updater")
