# ruff: noqa: PLC0415 - what these commands need takes longer to import than the other commands take to run
"""The commands that work without the updater: `init`, `token`, and those that move a worker's state."""

import os
import re
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from app.auth.scope import NAME_PATTERN, Scope
from app.cli.api.access import secret_path, updater_url
from app.cli.duration import parse_duration
from app.cli.errors import Exit, WrongUse
from app.cli.options import Json
from app.cli.report import ending, write
from app.cli.views.text import document
from app.domain.stack import EngineKind


def init(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where the Compose file is.")] = Path(),
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Default: stack.yml in DIR.")] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    nothing_in: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="What init cannot read, and has nothing of this stack.")
    ] = None,
    copy: Annotated[
        list[str] | None, typer.Option(metavar="PATH=COPY", help="Read COPY for PATH in Traefik's container.")
    ] = None,
    opened: Annotated[
        list[str] | None, typer.Option("--open", metavar="NAME", help="A service without a router, open to all.")
    ] = None,
    engine: Annotated[EngineKind, typer.Option(help="What runs the stack.")] = EngineKind.COMPOSE,
    registry: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of --engine swarm: where its images are, such as host/team.")
    ] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Write an invalid proposal to stack.yml.draft.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Read the newest tag with the file; write the file only if it is missing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a stack.yml for the Compose project in DIR, based on its files, Dockerfiles and Traefik's routes."""
    from app.cli.init.answers import answers, engine_answers
    from app.cli.init.command import write_stack_file
    from app.cli.init.images.local_images import local_images
    from app.cli.init.preview import check as checked_by

    with ending(as_json=as_json), local_images(os.environ) as find_image:
        path = output or directory / "stack.yml"
        given = engine_answers(answers(nothing_in or (), copy or (), opened or ()), engine, registry)
        written = None
        if not check or force or not path.exists():
            written = write_stack_file(
                directory, path, force=force, environ=os.environ, find_image=find_image, answers=given, draft=draft
            )
        checked = checked_by(path, directory, os.environ) if check else None
        if as_json:
            of_file, of_release = (part.document() if part else {} for part in (written, checked))
            write(document({**of_file, "checked": of_release} if checked else of_file))
        else:
            for line in chain(written.lines() if written else (), checked.lines() if checked else ()):
                write(line)
        if checked and not checked.passed:
            raise typer.Exit(Exit.FAILED)


def export_state(file: Annotated[Path, typer.Argument(help="A new file.")], as_json: Json = False) -> None:
    """Write the state of a stopped worker to FILE, to go on from it on another manager of the swarm."""
    _move("export-state", file, as_json=as_json)


def import_state(file: Annotated[Path, typer.Argument(help="What export-state wrote.")], as_json: Json = False) -> None:
    """Make the state in FILE that of this machine's worker, which has none yet and does not run."""
    _move("import-state", file, as_json=as_json)


def _move(command: str, file: Path, *, as_json: bool) -> None:
    from app.cli.moved_state import move

    with ending(as_json=as_json):
        said = move(command, file, os.environ)
        write(document({"file": str(file.absolute()), "moved": said}) if as_json else said)


def token(
    scope: Annotated[Scope, typer.Option(help="What the token allows.")],
    ttl: Annotated[
        str | None, typer.Option(help="How long it is valid: 90s, 15m, 1h, 7d.", show_default="1h; with --login 10m")
    ] = None,
    name: Annotated[str, typer.Option(help="Recorded with each change that is made with the token.")] = "",
    login: Annotated[
        bool, typer.Option("--login", help="Create a link that logs in to the dashboard at UPDATER_URL, once.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Create a token for UPDATER_TOKEN, signed with the secret in UPDATER_SECRET_PATH. Works offline."""
    from app.auth.callers import make_login, make_token

    with ending(as_json=as_json):
        ttl = ttl or ("10m" if login else "1h")
        lifetime = parse_duration(ttl)
        if not re.fullmatch(NAME_PATTERN, name):
            raise WrongUse(f"--name {name}: it may have 64 letters, digits, `.`, `_` and `-`.", "Choose another name.")
        try:
            make = make_login if login else make_token
            made = make(secret_path(os.environ), scope, lifetime, name)
        except ValueError as error:
            raise WrongUse(f"--ttl {ttl}: {error}.", "Choose another duration, such as 1h.") from error
        made = f"{updater_url(os.environ)}/#login={made}" if login else made
        kind = "login" if login else "token"
        write(document({kind: made, "scope": scope, "expires_in_seconds": lifetime}) if as_json else made)
