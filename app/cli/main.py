"""The command line: the commands and their options. Each calls the internal listener, except `init` and `token`."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from app.api.limits import HISTORY_DEFAULT, HISTORY_MOST
from app.cli.errors import Exit, WrongUse
from app.cli.offline import export_state, import_state, init, token
from app.cli.options import Json
from app.cli.report import ending

if TYPE_CHECKING:
    from app.cli.commands import Commands

app = typer.Typer(
    help="Zero-downtime releases of a Compose stack: see what is live, deploy, roll back, and find problems.",
    epilog="Exit codes: 0 done, 1 failed or rolled back, 2 usage, 3 cannot reach, 4 not allowed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback with local variables would show the secret
)

NoWait = Annotated[bool, typer.Option("--no-wait", help="Return as soon as the rollout is queued.")]


def _ask(command: "Callable[[Commands], Awaitable[Exit]]", *, as_json: bool) -> None:
    # Not for `init`, `token` and `--help`: they end before this would be imported.
    from app.cli.api.access import access  # noqa: PLC0415
    from app.cli.api.client import ApiClient  # noqa: PLC0415
    from app.cli.commands import Commands  # noqa: PLC0415

    async def run() -> Exit:
        async with ApiClient(access(os.environ)) as updater:
            return await command(Commands(updater, as_json=as_json))

    with ending(as_json=as_json):
        raise typer.Exit(asyncio.run(run()))


@app.command()
def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow the rollout, or the next one.")] = False,
    ignored: Annotated[
        bool, typer.Option("--ignored", help="List the last releases that were ignored, and why.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what is live, what is running and what is waiting."""
    _ask(lambda commands: commands.status(watching=watch, ignored=ignored), as_json=as_json)


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
    _ask(lambda commands: commands.deploy(tag, force=force, commit=commit, wait=not no_wait), as_json=as_json)


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
        lambda commands: commands.rollback(sha, force=force, current_env=current_env, wait=not no_wait),
        as_json=as_json,
    )


@app.command()
def pause(reason: str, as_json: Json = False) -> None:
    """Pause: no rollout starts until `unpause`. Releases are still accepted."""
    _ask(lambda commands: commands.pause(reason), as_json=as_json)


@app.command()
def unpause(as_json: Json = False) -> None:
    """Resume rollouts. The newest waiting release starts at once."""
    _ask(lambda commands: commands.unpause(), as_json=as_json)


@app.command()
def approve(
    tag: str,
    commit: Annotated[
        str | None, typer.Option(metavar="SHA", help="The commit that you looked at, or its first 7 digits.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Approve a release that is waiting for approval (UPDATE_REQUIRE_APPROVAL)."""
    _ask(lambda commands: commands.approve(tag, commit), as_json=as_json)


@app.command()
def cancel(rollout_id: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """Stop a rollout that has not moved the route yet."""
    _ask(lambda commands: commands.cancel(rollout_id), as_json=as_json)


@app.command()
def history(
    limit: Annotated[int, typer.Option(min=1, max=HISTORY_MOST, help="How many, newest first.")] = HISTORY_DEFAULT,
    as_json: Json = False,
) -> None:
    """List past rollouts and decisions, newest first."""
    _ask(lambda commands: commands.history(limit), as_json=as_json)


@app.command()
def logs(
    rollout_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="Default: the running or last one.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow the log until the rollout ends.")] = False,
    as_json: Json = False,
) -> None:
    """Print the log of a rollout, including the build's output."""
    _ask(lambda commands: commands.logs(rollout_id, follow=follow), as_json=as_json)


@app.command()
def plan(
    tag: Annotated[str | None, typer.Argument(help="The tag of a release.")] = None,
    back: Annotated[bool, typer.Option("--rollback", help="Show what a rollback would bring back.")] = False,
    as_json: Json = False,
) -> None:
    """Show what a rollout of TAG, or a rollback, would do. Changes nothing."""

    async def one(commands: "Commands") -> Exit:
        if back is (tag is not None):
            raise WrongUse("A plan is that of one release or of a rollback.", "Give a tag, or --rollback.")
        return await commands.plan(tag)

    _ask(one, as_json=as_json)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check the updater, its machine and the stack, and show how to fix each problem."""
    from app.cli.commands import doctor as checked  # noqa: PLC0415

    with ending(as_json=as_json):
        raise typer.Exit(asyncio.run(checked(os.environ, as_json=as_json)))


@app.command("notify-test")
def notify_test(as_json: Json = False) -> None:
    """Send a test message to every target in UPDATER_NOTIFY_URLS."""
    _ask(lambda commands: commands.notify_test(), as_json=as_json)


app.command()(init)
app.command()(export_state)
app.command()(import_state)
app.command()(token)


def main() -> None:
    """`updater`."""
    app(prog_name="updater")
