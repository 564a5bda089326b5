"""Options with which a service may not run as its release says, at the start or at a rollback. Pure functions.

Their file or image is not kept with the release, or only Compose itself obeys them.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from workers.definition.files import MOUNTED_PARTS
from workers.definition.images import AT_DIGEST

_SECCOMP = re.compile(r"seccomp[=:](?P<profile>.*)")
_NO_FILE = frozenset({"unconfined", "builtin"})
"""https://docs.docker.com/engine/security/seccomp/"""


def unkept(model: Mapping[str, Any], moved: Collection[str]) -> Iterator[str]:
    """What refuses a release, for each such option of a service that the updater moves, and what to write instead."""
    services: Mapping[str, Mapping[str, Any]] = model.get("services") or {}
    for name in moved:
        problems = (*_of(services.get(name) or {}), *_copied(model, name))
        yield from (f"{name}: {problem}" for problem in problems)


def _of(service: Mapping[str, Any]) -> Iterator[str]:
    for option in service.get("security_opt") or ():
        found = _SECCOMP.fullmatch(str(option).strip())
        if found and found["profile"] not in _NO_FILE and not found["profile"].startswith("/"):
            yield (
                f"security_opt has {option}, a file that Compose reads only when it starts the container. Write its "
                "absolute path on the host, where the worker can read it"
            )
    for volume in service.get("volumes") or ():
        source = str(volume.get("source") or "")
        if volume.get("type") == "image" and AT_DIGEST not in source:
            yield (
                f"volumes has the image {source}, which may be another one at a rollback. Write its digest "
                f"({source.rpartition('/')[2]}{AT_DIGEST}…), or copy its files in a build"
            )
    for hook in ("post_start", "pre_stop"):
        if service.get(hook):
            yield (
                f"{hook} would not run each time: Compose runs it, and the updater starts and stops containers by the "
                "engine. Run its command in the container's own entrypoint"
            )


def _copied(model: Mapping[str, Any], name: str) -> Iterator[str]:
    """Neither Compose nor the updater can copy a file into a container whose file system is read-only."""
    service = model["services"].get(name) or {}
    if service.get("read_only"):
        for part in MOUNTED_PARTS:
            for key in dict.fromkeys(use["source"] for use in service.get(part) or ()):
                defined = (model.get(part) or {}).get(key) or {}
                if source := next((each for each in ("content", "environment") if defined.get(each)), None):
                    yield (
                        f"{part}/{key} has `{source}:`, and it cannot be copied into the container, because that has "
                        "`read_only: true`. Write it as `file:`"
                    )
