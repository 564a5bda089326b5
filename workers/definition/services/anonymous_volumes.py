"""The anonymous volumes of a service that is handed over: the new container keeps their data. Pure functions.

https://docs.docker.com/reference/compose-file/volumes/
"""

import copy
import re
from collections.abc import Collection, Mapping
from typing import Any

from workers.definition.labels import Model

_ANONYMOUS = re.compile(r"[0-9a-f]{64}")
"""The name that the engine gives a volume which nobody named."""


def anonymous(mounts: Collection[Mapping[str, Any]]) -> dict[str, str]:
    """The anonymous volumes among a container's mounts: their names by path inside it."""
    volumes = (mount for mount in mounts if mount.get("Type") == "volume")
    return {str(m["Destination"]): str(m["Name"]) for m in volumes if _ANONYMOUS.fullmatch(str(m.get("Name", "")))}


def inheriting(model: Mapping[str, Any], service: str, before: Mapping[str, str], declared: Collection[str]) -> Model:
    """`model`, in which `service` has those volumes of `before` (see `anonymous`) that it would create anew.

    As when Compose itself replaces a container. `declared`: the paths that its image declares as volumes.
    """
    result: Model = copy.deepcopy(dict(model))
    definition: Model = result["services"][service]
    kept: list[Mapping[str, Any]] = []
    taken: set[str] = set()
    for mount in definition.get("volumes") or ():
        target = str(mount.get("target"))
        unnamed = mount.get("type") == "volume" and not mount.get("source")
        taken |= set() if unnamed else {target}
        kept += [] if unnamed and target in before else [mount]
    wanted = {str(m.get("target")) for m in definition.get("volumes") or ()} | set(declared)
    inherited = {target: name for target, name in before.items() if target in wanted - taken}
    if inherited:
        named = [{"type": "volume", "source": name, "target": target} for target, name in inherited.items()]
        definition["volumes"] = [*kept, *named]
        outside = {name: {"name": name, "external": True} for name in inherited.values()}
        result["volumes"] = {**(result.get("volumes") or {}), **outside}
    return result
