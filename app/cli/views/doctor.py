"""`updater doctor`: the updater's checks, and the local ones if the updater does not answer."""

import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from app.cli.api.access import first_secret, secret_path, updater_url
from app.cli.errors import CommandError, NotAllowed, WrongUse
from app.cli.views.text import plain
from app.domain.errors import StackInvalid
from app.domain.findings import Check, Verdict

DEFAULT_STACK_FILE = "config/stack.yml"
OTHERS = stat.S_IRWXO | stat.S_IWGRP

_MARKS = {Verdict.OK: "ok     ", Verdict.WARNING: "warning", Verdict.FAILED: "FAILED "}


def doctor_lines(checks: Sequence[Check]) -> Iterator[str]:
    """One line per check, with the remedy below if it is not OK. The totals come last."""
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
    """The checks that need no answer from the updater. `why`: why there is no answer."""
    return [
        Check("updater", Verdict.FAILED, why.detail, why.todo),
        _check_url(environ),
        _check_key(environ),
        _check_stack_file(Path(environ.get("UPDATER_STACK_FILE") or DEFAULT_STACK_FILE)),
    ]


def _verdict(checks: Sequence[Check]) -> str:
    counts = [sum(each.status is verdict for each in checks) for verdict in Verdict]
    return "{} OK, {} warnings, {} failed.".format(*counts)


def _check_url(environ: Mapping[str, str]) -> Check:
    try:
        return Check("UPDATER_URL", Verdict.OK, updater_url(environ))
    except WrongUse as wrong:
        return Check("UPDATER_URL", Verdict.FAILED, wrong.detail, wrong.todo)


def _check_key(environ: Mapping[str, str]) -> Check:
    if environ.get("UPDATER_TOKEN", "").strip():
        return Check("UPDATER_TOKEN", Verdict.OK, "is set, and is used instead of the secret file")
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
            f"{path} has mode {mode:04o}: other users can read or change it",
            f"Run `chmod 0600 {path}` (0640 with UPDATER_SECRET_GROUP). Any user may know the secret: make a new one.",
        )
    return Check("UPDATER_SECRET_PATH", Verdict.OK, f"{path}, mode {mode:04o}")


def _check_stack_file(path: Path) -> Check:
    from app.config.stack_file import load_stack  # noqa: PLC0415 - only for this check, and slow to import

    try:
        stack = load_stack(path)
    except StackInvalid as invalid:
        return Check(
            "UPDATER_STACK_FILE",
            Verdict.FAILED,
            invalid.detail,
            "Correct it, or set UPDATER_STACK_FILE to the right file. Neither process starts without it.",
        )
    names = [*(s.name for s in stack.routed), *(s.name for s in stack.singletons), *(f.name for f in stack.followers)]
    services = ", ".join(names)
    return Check("UPDATER_STACK_FILE", Verdict.OK, f"{path}: {stack.project} from {stack.repository} ({services})")
