"""Reports releases that were decided without a rollout.

The journal is written first: what was reported as cancelled never goes live. It keeps them until they are reported, so
that a crash in between loses no reason.
"""

from app.domain.errors import (
    Cancelled,
    ChecksRefused,
    RepositoryReplaced,
    Superseded,
    TagMoved,
    Undone,
    UpdaterError,
    Withdrawn,
)
from app.domain.release import Release
from app.domain.state import Dropped
from workers.ports import Ports

_KINDS = (Cancelled, ChecksRefused, RepositoryReplaced, Superseded, TagMoved, Undone, Withdrawn)
KINDS = {kind.code: kind for kind in _KINDS}
"""Why a release can be dropped, by the code."""


def dropped(release: Release, why: UpdaterError) -> Dropped:
    return Dropped(release, why.code, why.detail)


async def report(ports: Ports) -> None:
    """Reports what the journal has as unreported. After a crash, two records are better than none."""
    if waiting := ports.journal.state.unreported:
        for each in waiting:
            ports.publisher.decided(each.release, KINDS.get(each.code, Superseded)(each.detail))
        ports.publisher.status(await ports.journal.update(lambda s: s.reported(*waiting)))
