"""`updater doctor`: the updater's own checks, and those possible from here if the updater does not answer."""

import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from app.cli.api.access import first_secret, secret_path, updater_url
from app.cli.errors import CommandError, NotAllowed, WrongUse
from app.cli.views.text import plain
from app.config.stack_file import load_stack
from app.domain.errors import StackInvalid
from app.domain.findings import Check, Verdict

DEFAULT_STACK_FILE = "config/stack.yml"
OTHERS = stat.S_IRWXO | stat.S_IWGRP

_MARKS = {Verdict.OK: "ok     ", Verdict.WARNING: "warning", Verdict.FAILED: "FAILED "}


def doctor_lines(checks: Sequence[Check]) -> Iterator[str]:
    """One line a check; below it what to do where it is not well. The count at the end."""
    width = max((len(plain(each.name)) for each in checks), default=0)
    for each in checks:
        yield f"{_MARKS[each.status]}  {plain(each.name):{width}}  {plain(each.found)}"
        if each.status is not Verdict.OK and each.remedy:
            yield f"         {'':{width}}  → {plain(each.remedy)}"
    yield ""
    yield _verdict(checks)


def failed(checks: Sequence[Check]) -> bool:
    return any(each.status is Verdict.FAILED for each in checks)


def local_checks(environ: Mapping[str, str], why: CommandError) -> list[Check]:
    """What can be seen without the updater's answer; `why` is why there is none."""
    return [
        Check("updater", Verdict.FAILED, why.detail, why.todo),
        _check_url(environ),
        _check_key(environ),
        _check_stack_file(Path(environ.get("UPDATER_STACK_FILE") or DEFAULT_STACK_FILE)),
    ]


def _verdict(checks: Sequence[Check]) -> str:
    counts = [sum(each.status is verdict for each in checks) for verdict in Verdict]
    return "{} well, {} to look at, {} failed.".format(*counts)


def _check_url(environ: Mapping[str, str]) -> Check:
    try:
        return Check("UPDATER_URL", Verdict.OK, updater_url(environ))
    except WrongUse as wrong:
        return Check("UPDATER_URL", Verdict.FAILED, wrong.detail, wrong.todo)


def _check_key(environ: Mapping[str, str]) -> Check:
    if environ.get("UPDATER_TOKEN", "").strip():
        return Check("UPDATER_TOKEN", Verdict.OK, "is set, and goes before the secret's file")
    path = secret_path(environ)
    try:
        first_secret(path)
        mode = stat.S_IMODE(path.stat().st_mode)
    except NotAllowed as refused:
        return Check("UPDATER_SECRET_PATH", Verdict.FAILED, refused.detail, refused.todo)
    if mode & OTHERS:
        return Check(
            "UPDATER_SECRET_PATH",
            Verdict.FAILED,
            f"{path} has mode {mode:04o}: others may read or change it",
            f"chmod 0600 {path} (0640 with UPDATER_SECRET_GROUP); whoever has read it may deploy: make a new secret.",
        )
    return Check("UPDATER_SECRET_PATH", Verdict.OK, f"{path}, mode {mode:04o}")


def _check_stack_file(path: Path) -> Check:
    try:
        stack = load_stack(path)
    except StackInvalid as invalid:
        return Check(
            "UPDATER_STACK_FILE",
            Verdict.FAILED,
            invalid.detail,
            "Correct it, or name the right file in UPDATER_STACK_FILE; neither process starts without it.",
        )
    services = ", ".join([s.name for s in stack.routed] + [s.name for s in stack.singletons])
    return Check("UPDATER_STACK_FILE", Verdict.OK, f"{path}: {stack.project} from {stack.repository} ({services})")
