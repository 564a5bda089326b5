"""The operator's single files that a service's containers mount, and whether they are still the same.

The engine mounts a file when it starts the container. One that an editor replaces afterwards is another file: the
container keeps the old one until it is started again.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from workers.definition.files.origins import MOUNTED_PARTS
from workers.definition.files.roots import is_in
from workers.definition.services.retired import uses_of
from workers.redaction.encodings import undoubled

FILES_LABEL = "updater.files"
"""The label with the record of a container's files."""

ALWAYS_WRITTEN = ("/dev", "/proc", "/sys", "/var/log")
"""Directories of the host in which no file has one version."""

Record = Mapping[str, Mapping[str, str]]
"""Of each file, by its path: `mark`, which differs if the content does, and `inode` and `birth` if the container may
write to it. `inode` is device and number; `birth` is missing if the filesystem, or an earlier updater, has none.
"""


IDENTITY = ("inode", "birth")


@dataclass(frozen=True)
class LiveFile:
    """A path on the host that may be a file. `writable`: the container may write to it.

    `relabeled`: the engine gives it another SELinux label when a container starts.
    """

    path: str
    writable: bool = False
    relabeled: bool = False


def mounted_by(model: Mapping[str, Any], name: str) -> Iterator[LiveFile]:
    """What of the host the service mounts, or its build reads as a secret."""
    relabeled = _relabeled(model)
    for file in _mounted(model, model["services"][name]):
        yield replace(file, relabeled=any(is_in(file.path, each) for each in relabeled))


def _mounted(model: Mapping[str, Any], service: Mapping[str, Any]) -> Iterator[LiveFile]:
    for volume in service.get("volumes") or ():
        if volume.get("type") == "bind" and (source := volume.get("source")):
            yield LiveFile(undoubled(str(source)), writable=not volume.get("read_only"))
    used = uses_of(service)
    for part in MOUNTED_PARTS:
        defined = model.get(part) or {}
        files = [(defined.get(key) or {}).get("file") for key in sorted(used[part])]
        yield from (LiveFile(undoubled(str(file))) for file in files if file)


def _relabeled(model: Mapping[str, Any]) -> list[str]:
    """What any service mounts with `:z` or `:Z`. The engine relabels that, and all in it, at each start.

    https://docs.docker.com/engine/storage/bind-mounts/#configure-the-selinux-label
    """
    volumes = (volume for service in model["services"].values() for volume in service.get("volumes") or ())
    return [undoubled(str(each.get("source"))) for each in volumes if (each.get("bind") or {}).get("selinux")]


def but_in(files: Iterable[LiveFile], *places: str) -> list[LiveFile]:
    """`files` without those in one of the directories `places`."""
    return [file for file in files if not any(is_in(file.path, place) for place in places)]


def recorded(labels: Mapping[str, str]) -> Record | None:
    """The record in a container's or a service's labels; None if it was made by an updater that wrote none."""
    try:
        found: Record = json.loads(undoubled(labels[FILES_LABEL]))
    except (KeyError, ValueError):
        return None
    return found


def with_record(service: Mapping[str, Any], record: Record) -> dict[str, Any]:
    """`service` with `record` in its labels."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":")).replace("$", "$$")
    return {**service, "labels": {**service["labels"], FILES_LABEL: text}}


def identity(file: Mapping[str, str]) -> str:
    """What tells the file of a record from one that replaces it; empty if the container may not write to it."""
    return " ".join(file[key] for key in IDENTITY if key in file)


def differing(before: Record, now: Record) -> list[str]:
    """The files of `now` that a container with the record `before` does not see.

    A file that it may write to counts only if it was also replaced: the container sees every other change.
    """
    return [path for path, file in now.items() if _differs(before.get(path), file)]


def _differs(before: Mapping[str, str] | None, now: Mapping[str, str]) -> bool:
    if before is None:
        return True
    return before["mark"] != now["mark"] and ("inode" not in now or _replaced(before, now))


def _replaced(before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether it is another file. In doubt it is: a snapshot has the numbers and birth times of its origin's files.

    So a device that has another number after a restart of the host makes a file count once.
    """
    births = {each["birth"] for each in (before, now) if "birth" in each}
    return before.get("inode") != now["inode"] or len(births) > 1


def touched(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The paths whose state is another one."""
    return [path for path in {**before, **now} if before.get(path) != now.get(path)]


def why_changed(names: Collection[str]) -> str:
    """Why a rollout stops, and what to do."""
    one = len(names) == 1
    return (
        f"{', '.join(names)} changed after the updater read {'it' if one else 'them'}, so the containers might not all "
        f"have one version. Apply the tag again when nothing writes to {'it' if one else 'them'}"
    )
