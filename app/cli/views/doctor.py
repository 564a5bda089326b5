"""`updater doctor`: the updater's own checks, and those possible from here if the updater does not answer."""

import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.cli.api.access import first_secret, secret_path, updater_url
from app.cli.errors import CommandError, NotAllowed, WrongUse
from app.cli.views.text import plain
from app.config.stack_file import load_stack
from app.domain.errors import StackInvalid

DEFAULT_STACK_FILE = "config/stack.yml"
OTHERS = stat.S_IRWXO | stat.S_IWGRP

Json = Mapping[str, Any]

_MARKS = {"ok": "ok     ", "warning": "warning", "failed": "FAILED "}


def check(name: str, status: str, found: str, remedy: str = "") -> dict[str, str]:
    """One check, in the shape that GET /doctor has."""
    return {"name": name, "status": status, "found": found, "remedy": remedy}


def doctor_lines(checks: Sequence[Json]) -> Iterator[str]:
    """One line a check; below it what to do where it is not well. The count at the end."""
    width = max((len(plain(each.get("name"))) for each in checks), default=0)
    for each in checks:
        status, name = str(each.get("status")), plain(each.get("name"))
        yield f"{_MARKS.get(status, plain(status))}  {name:{width}}  {plain(each.get('found') or '')}"
        if status != "ok" and each.get("remedy"):
            yield f"         {'':{width}}  → {plain(each['remedy'])}"
    yield ""
    yield _verdict(checks)


def failed(checks: Sequence[Json]) -> bool:
    return any(each.get("status") == "failed" for each in checks)


def local_checks(environ: Mapping[str, str], why: CommandError) -> list[dict[str, str]]:
    """What can be seen without the updater's answer; `why` is why there is none."""
    return [
        check("updater", "failed", why.detail, why.todo),
        _check_url(environ),
        _check_key(environ),
        _check_stack_file(Path(environ.get("UPDATER_STACK_FILE") or DEFAULT_STACK_FILE)),
    ]


def _verdict(checks: Sequence[Json]) -> str:
    counts = [sum(each.get("status") == status for each in checks) for status in ("ok", "warning", "failed")]
    return "{} well, {} to look at, {} failed.".format(*counts)


def _check_url(environ: Mapping[str, str]) -> dict[str, str]:
    try:
        return check("UPDATER_URL", "ok", updater_url(environ))
    except WrongUse as wrong:
        return check("UPDATER_URL", "failed", wrong.detail, wrong.todo)


def _check_key(environ: Mapping[str, str]) -> dict[str, str]:
    if environ.get("UPDATER_TOKEN", "").strip():
        return check("UPDATER_TOKEN", "ok", "is set, and goes before the secret's file")
    path = secret_path(environ)
    try:
        first_secret(path)
        mode = stat.S_IMODE(path.stat().st_mode)
    except NotAllowed as refused:
        return check("UPDATER_SECRET_PATH", "failed", refused.detail, refused.todo)
    if mode & OTHERS:
        return check(
            "UPDATER_SECRET_PATH",
            "failed",
            f"{path} has mode {mode:04o}: others may read or change it",
            f"chmod 0600 {path} (0640 with UPDATER_SECRET_GROUP); whoever has read it may deploy: make a new secret.",
        )
    return check("UPDATER_SECRET_PATH", "ok", f"{path}, mode {mode:04o}")


def _check_stack_file(path: Path) -> dict[str, str]:
    try:
        stack = load_stack(path)
    except StackInvalid as invalid:
        return check(
            "UPDATER_STACK_FILE",
            "failed",
            invalid.detail,
            "Correct it, or name the right file in UPDATER_STACK_FILE; neither process starts without it.",
        )
    services = ", ".join([s.name for s in stack.routed] + [s.name for s in stack.singletons])
    return check("UPDATER_STACK_FILE", "ok", f"{path}: {stack.project} from {stack.repository} ({services})")
