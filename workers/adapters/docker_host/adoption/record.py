"""The record of an adopted release's containers: labels cannot be added to existing containers."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import structlog

from app.files import replace_durably
from workers.ports import Instance, Stamp
from workers.ports.mutation import Fence, no_fence

RECORD = "adopted.json"
MODE = 0o600

log = structlog.get_logger()


@dataclass(frozen=True)
class Adopted:
    """An adopted release. `containers` maps each container's id to its service.

    `recreatable`: the services that the recorded definition would recreate identically.
    """

    stamp: Stamp
    containers: Mapping[str, str]
    recreatable: frozenset[str] = frozenset()

    def of(self, service: str) -> list[str]:
        return [container for container, owner in self.containers.items() if owner == service]

    def mark(self, instance: Instance) -> Instance:
        """Returns `instance` as if its container carried the labels of the release, and of the service it counts as."""
        if instance.id not in self.containers:
            return instance
        stamp, service = self.stamp, self.containers[instance.id]
        single = instance.single or instance.service not in {"", service}
        of_release = replace(instance, rollout=stamp.rollout, release=stamp.release, sha=stamp.sha, adopted=True)
        return replace(of_release, service=service, single=single)


class AdoptedFile:
    """Reads and writes the record of the adopted release below the directory `releases`."""

    def __init__(self, releases: Path, fence: Fence = no_fence) -> None:
        self._releases, self._fence = releases, fence
        self._read: tuple[Adopted | None] | None = None

    def get(self) -> Adopted | None:
        """Returns None if no adopted release is kept."""
        if self._read is None:
            self._read = (self._load(),)
        return self._read[0]

    def put(self, adopted: Adopted) -> None:
        """Raises OSError."""
        path = self._releases / adopted.stamp.sha / RECORD
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fields = {**asdict(adopted), "recreatable": sorted(adopted.recreatable)}
        content = json.dumps(fields).encode()
        replace_durably(path, content, staging=path.parent, mode=MODE, prepare=lambda _: self._fence())
        self._read = (adopted,)

    def forget(self) -> None:
        """Drops the cached record: pruning the releases' directories may have removed it."""
        self._read = None

    def _load(self) -> Adopted | None:
        """Returns the newest readable record: an interrupted adoption may have left an older one."""
        try:
            newest_first = sorted(self._releases.glob(f"*/{RECORD}"), key=_written_at, reverse=True)
        except OSError:
            return None
        return next((adopted for path in newest_first if (adopted := _adopted(path))), None)


def _written_at(path: Path) -> float:
    return path.stat().st_mtime


def _adopted(path: Path) -> Adopted | None:
    """Returns None if the record cannot be read. Ignores the fields that another version added."""
    try:
        fields = json.loads(path.read_text("utf-8"))
        stamp = Stamp(*(fields["stamp"][field.name] for field in dataclasses.fields(Stamp)))
        return Adopted(stamp, fields["containers"], frozenset(fields["recreatable"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("the record of an adoption cannot be read", path=str(path), reason=repr(error))
        return None
