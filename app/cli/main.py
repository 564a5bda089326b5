"""The commands. Each calls the internal listener, except `init`, `token` and part of `doctor`."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from app.api.model import ResponseModel
from app.api.requests import HISTORY_DEFAULT, HISTORY_MOST
from app.api.responses import Approved, Cancelling, Notified, Paused, Resumed
from app.auth.callers import make_token
from app.auth.tokens import Scope
from app.cli.api.access import access, secret_path
from app.cli.api.client import ApiClient
from app.cli.api.log_stream import print_log
from app.cli.duration import parse_duration
from app.cli.errors import CannotReach, Exit, NotAllowed, WrongUse
from app.cli.following.follow import ask_and_follow, watch
from app.cli.init.command import write_stack_file
from app.cli.report import ending, write
from app.cli.views.doctor import doctor_lines, failed, local_checks
from app.cli.views.plan import plan_lines
from app.cli.views.show import (
    console,
    show_history,
    show_rows,
    status_rows,
)
from app.cli.views.text import document, plain
from app.domain.findings import Check

app = typer.Typer(
    help="Zero-downtime releases of a Compose stack: what is live, what goes live, and what to do about it.",
    epilog="Exit codes: 0 done, 1 failed or rolled back, 2 usage, 3 cannot reach, 4 not allowed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback with local variables would show the secret
)

Json = Annotated[bool, typer.Option("--json", help="JSON on standard output, and nothing else there.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return as soon as it is queued.")]


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
    as_json: Json = False,
) -> None:
    """What is live, what runs, what waits."""

    async def call(updater: ApiClient) -> Exit:
        if watch_it:
            return await watch(updater, as_json=as_json)
        answer = await updater.status()
        if as_json:
            write(document(answer.as_received()))
        else:
            show_rows(console(), status_rows(answer))
        return Exit.DONE

    _ask(call, as_json=as_json)


@app.command()
def deploy(
    tag: str,
    force: Annotated[
        bool, typer.Option("--force", help="Also while paused, an older tag, or where preflight would refuse.")
    ] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Make the release TAG live, and follow it until it is, or is not."""
    body: dict[str, Any] = {"tag": tag, **({"force": True} if force else {})}
    _ask(
        lambda updater: ask_and_follow(
            updater, "/update/apply", body, tag=tag, forced=force, wait=not no_wait, as_json=as_json
        ),
        as_json=as_json,
    )


@app.command()
def rollback(
    sha: Annotated[
        str | None, typer.Argument(help="Of a kept release; without it the one before the live one.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Though the live release says that it cannot be rolled back.")] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Go back to a kept release, without a build; then it stays paused."""
    body = {**({"previous_sha": sha} if sha else {}), **({"force": True} if force else {})}
    _ask(
        lambda updater: ask_and_follow(
            updater, "/update/rollback", body, forced=True, wait=not no_wait, as_json=as_json
        ),
        as_json=as_json,
    )


@app.command()
def pause(reason: str, as_json: Json = False) -> None:
    """No rollout starts until `unpause`; releases are still accepted."""

    async def call(updater: ApiClient) -> Exit:
        answer = await updater.change(Paused, "/update/pause", {"reason": reason})
        said = "Paused. Releases are accepted and wait; a rollout that runs goes on to its end."
        return _say(answer, said, as_json=as_json)

    _ask(call, as_json=as_json)


@app.command()
def unpause(as_json: Json = False) -> None:
    """Rollouts may start again; the newest release that waits starts at once."""

    async def call(updater: ApiClient) -> Exit:
        answer = await updater.change(Resumed, "/update/unpause", {})
        return _say(answer, "Rollouts may start again; the newest release that waits starts at once.", as_json=as_json)

    _ask(call, as_json=as_json)


@app.command()
def approve(tag: str, as_json: Json = False) -> None:
    """Let a release go live that waits for your word (UPDATE_REQUIRE_APPROVAL)."""

    async def call(updater: ApiClient) -> Exit:
        answer = await updater.change(Approved, "/update/approve", {"tag": tag})
        held = answer.held_for
        then = held.text if held else "It starts at once; `updater status --watch` follows it."
        return _say(answer, plain(f"{tag} is approved. {then}"), as_json=as_json)

    _ask(call, as_json=as_json)


@app.command()
def cancel(rollout_id: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """Stop a rollout that has not moved the route yet."""

    async def call(updater: ApiClient) -> Exit:
        answer = await updater.change(Cancelling, "/update/cancel", {"rollout_id": rollout_id})
        said = (
            f"{plain(rollout_id)} is being cancelled; its route never moved. `updater status` tells when it has ended."
        )
        return _say(answer, said, as_json=as_json)

    _ask(call, as_json=as_json)


@app.command()
def history(
    limit: Annotated[int, typer.Option(min=1, max=HISTORY_MOST, help="How many, newest first.")] = HISTORY_DEFAULT,
    as_json: Json = False,
) -> None:
    """What has been decided, newest first."""

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
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Until it has ended.")] = False,
    as_json: Json = False,
) -> None:
    """The log of a rollout, the build's output included."""
    _ask(lambda updater: print_log(updater, rollout_id, follow=follow, as_json=as_json), as_json=as_json)


@app.command()
def plan(tag: str, as_json: Json = False) -> None:
    """What a rollout of TAG would do. Changes nothing."""

    async def call(updater: ApiClient) -> Exit:
        answer = await updater.plan(tag)
        for line in [document(answer.as_received())] if as_json else plan_lines(answer):
            write(line)
        return Exit.DONE

    _ask(call, as_json=as_json)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check everything that can be wrong, and say what to do about it."""

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
    """Send a message to everybody of UPDATER_NOTIFY_URLS, to see it arrive."""

    async def call(updater: ApiClient) -> Exit:
        answer = await updater.change(Notified, "/notify/test", {})
        said = (
            f"A message is on its way to {answer.targets} targets. "
            "If it does not arrive within a minute, check the worker's log; `updater doctor` counts failures."
        )
        return _say(answer, said, as_json=as_json)

    _ask(call, as_json=as_json)


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where the Compose file is.")] = Path(),
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Default: stack.yml in DIR.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write a stack.yml for the Compose project in DIR: from its files, its Dockerfiles and Traefik's routes."""
    from app.cli.init.images.local_images import local_images  # noqa: PLC0415 - the Docker SDK takes 0.4 s

    with ending(as_json=as_json), local_images(os.environ) as find_image:
        path = output or directory / "stack.yml"
        written = write_stack_file(directory, path, force=force, environ=os.environ, find_image=find_image)
        for line in [document(written.document())] if as_json else written.lines():
            write(line)


@app.command()
def token(
    scope: Annotated[Scope, typer.Option(help="What it may be used for.")],
    ttl: Annotated[str, typer.Option(help="How long it is valid: 90s, 15m, 1h, 7d.")] = "1h",
    as_json: Json = False,
) -> None:
    """Make a token for UPDATER_TOKEN, signed with the secret of UPDATER_SECRET_PATH; asks nobody."""
    with ending(as_json=as_json):
        lifetime = parse_duration(ttl)
        try:
            made = make_token(secret_path(os.environ), scope, lifetime)
        except ValueError as error:
            raise WrongUse(f"--ttl {ttl}: {error}.", "Choose another one, as 1h.") from error
        write(document({"token": made, "scope": scope, "expires_in_seconds": lifetime}) if as_json else made)


def main() -> None:
    """`updater`."""
    app(prog_name="updater")
