"""When and how Git packs the mirror: pure functions. https://git-scm.com/docs/git-gc"""

import re

COUNT_COMMAND = ["count-objects", "--verbose"]
COLLECT_COMMAND = ["gc", "--quiet", "--prune=1.day.ago"]
"""Keeps what is younger than a day, because a fetch may use it. All tags stay: they show that a tag was moved."""

COLLECT_CONFIG = (
    *("-c", "pack.threads=1", "-c", "pack.windowMemory=32m", "-c", "pack.deltaCacheSize=32m"),
    *("-c", "core.packedGitLimit=64m", "-c", "core.bigFileThreshold=16m"),
)
"""Bounds the memory and the processors that Git uses beside a running rollout."""

COLLECT_SECONDS = 1800.0
LOOSE_MOST = 500
PACKS_MOST = 10
_COUNT = re.compile(r"^(count|packs|garbage): ([0-9]+)$", re.MULTILINE)


def is_due(counts: str) -> bool:
    """Whether the mirror has many loose objects or packs, or files that an interrupted fetch left.

    `counts`: the output of COUNT_COMMAND.
    """
    found = {name: int(number) for name, number in _COUNT.findall(counts)}
    return found.get("count", 0) > LOOSE_MOST or found.get("packs", 0) > PACKS_MOST or found.get("garbage", 0) > 0
