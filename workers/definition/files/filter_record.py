"""The record that a checkout leaves in a tree: which of its files a filter of Git would make into something else."""

import json
from collections.abc import Mapping
from pathlib import Path

PLACE = Path(".git") / "filters.json"
"""Below the tree. No commit can have a file there."""


def record(filters: Mapping[str, str]) -> bytes:
    """The record's content. `filters`: the name of the filter of each path, as `.gitattributes` says."""
    return json.dumps(filters, sort_keys=True).encode()


def recorded(tree: Path) -> dict[str, str] | None:
    """None if the tree has no record that can be read."""
    try:
        return {str(path): str(name) for path, name in json.loads((tree / PLACE).read_bytes()).items()}
    except (OSError, ValueError, AttributeError):
        return None
