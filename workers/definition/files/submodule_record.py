"""The record that a checkout leaves in a tree with submodules: which it has, and which it does not.

Git's own data is not enough: a tree does not say which commits the submodules inside a submodule have.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PLACE = Path(".git") / "submodules.json"
"""Below the tree. No commit can have a file there."""


@dataclass(frozen=True)
class SubmoduleRecord:
    """`filled`: digests of the submodules that the tree has, by path. `unfetched`: the paths of all others.

    Those inside a submodule are part of its digest; `unfetched` names them by themselves.
    """

    filled: Mapping[str, str]
    unfetched: Sequence[str]

    def content(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()


def recorded(tree: Path) -> SubmoduleRecord | None:
    """None if the tree has no record that can be read."""
    try:
        found = json.loads((tree / PLACE).read_bytes())
        return SubmoduleRecord(dict(found["filled"]), [str(path) for path in found["unfetched"]])
    except (OSError, ValueError, TypeError, KeyError):
        return None
