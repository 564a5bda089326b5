"""Checks what the updater's own files use on disk."""

from collections.abc import Mapping

from app.domain.findings import Check, Verdict
from workers.ports.storage import LOGS_BYTES, MIB, Use

GIB = 1024 * MIB
MOST: Mapping[Use, int] = {
    Use.LOGS: LOGS_BYTES + 64 * MIB,
    Use.HISTORY: 64 * MIB,
    Use.MIRROR: 4 * GIB,
    Use.TREES: 4 * GIB,
    Use.DEFINITIONS: 64 * MIB,
    Use.FILES: GIB,
    Use.OTHER: 64 * MIB,
}
"""The bytes above which the doctor warns. The worker keeps logs, history and definitions far below; the mirror, the
trees and the mounted files are as large as the stack's repository makes them."""

_REMEDIES: Mapping[Use, str] = {
    Use.LOGS: "The worker deletes the oldest logs every hour. If this stays, its log says why it cannot.",
    Use.HISTORY: "The worker compacts the history after 2,000 lines. If this stays, its log says why it cannot.",
    Use.MIRROR: "The worker packs the mirror once a day (its log says if it cannot). If it stays this large, the "
    "repository's history is: give the disk more room, or remove large files from the history.",
    Use.TREES: "The worker keeps the trees of the live and the previous release. If they are this large, give the disk "
    "more room, or remove large files from the repository.",
    Use.DEFINITIONS: "The worker keeps the definitions of the live and the previous release. If this stays, its log "
    "says why it cannot delete others.",
    Use.FILES: "The worker keeps copies of the files that the live and the previous release mount. If they are this "
    "large, mount them from the live directory (`files/live` in the stack file).",
    Use.OTHER: "Look into the data directory for files that are not the updater's, and move them elsewhere.",
}


def disk_use(used: Mapping[Use, int]) -> Check:
    """Lists what is used for what, and warns with a remedy for each that is over its limit."""
    found = ", ".join(f"{use} {_size(size)}" for use, size in used.items())
    over = [use for use, size in used.items() if size > MOST[use]]
    if not over:
        return Check("disk_use", Verdict.OK, found)
    limits = ", ".join(f"{use} (more than {_size(MOST[use])})" for use in over)
    return Check("disk_use", Verdict.WARNING, f"{found}. Too much: {limits}", " ".join(_REMEDIES[use] for use in over))


def _size(size: int) -> str:
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size / MIB:.1f} MiB"
