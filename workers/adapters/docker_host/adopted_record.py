"""The record of an adopted release's containers: labels cannot be added to existing containers."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from app.files import replace_durably
from workers.ports import Instance, Stamp

RECORD = "adopted.json"
MODE = 0o600


@dataclass(frozen=True)
class Adopted:
    """`containers` maps each container's id to its service.

    `recreatable`: the services that the recorded definition would run as they ran.
    """

    stamp: Stamp
    containers: Mapping[str, str]
    recreatable: frozenset[str] = frozenset()

    def of(self, service: str) -> list[str]:
        return [container for container, its in self.containers.items() if its == service]

    def mark(self, instance: Instance) -> Instance:
        """`instance` as if it carried the labels."""
        if instance.id not in self.containers:
            return instance
        stamp = self.stamp
        return replace(instance, rollout=stamp.rollout, release=stamp.release, sha=stamp.sha, adopted=True)


class AdoptedFile:
    """The record of the one adopted release that is kept below `releases`."""

    def __init__(self, releases: Path) -> None:
        self._releases = releases
        self._read: tuple[Adopted | None] | None = None

    def get(self) -> Adopted | None:
        """None if no adopted release is kept."""
        if self._read is None:
            self._read = (self._load(),)
        return self._read[0]

    def put(self, adopted: Adopted) -> None:
        """Raises OSError."""
        path = self._releases / adopted.stamp.sha / RECORD
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fields = {**asdict(adopted), "recreatable": sorted(adopted.recreatable)}
        replace_durably(path, json.dumps(fields).encode(), staging=path.parent, mode=MODE)
        self._read = (adopted,)

    def forget(self) -> None:
        """The directories of releases were pruned: the record may be gone."""
        self._read = None

    def _load(self) -> Adopted | None:
        """The newest one: an adoption that was cut off may have left another."""
        records = sorted(self._releases.glob(f"*/{RECORD}"), key=lambda path: path.stat().st_mtime, reverse=True)
        if not records:
            return None
        try:
            fields = json.loads(records[0].read_text("utf-8"))
            return Adopted(Stamp(**fields["stamp"]), fields["containers"], frozenset(fields["recreatable"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
