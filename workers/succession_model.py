"""The Compose model of the container that replaces the updater: a pure function."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.domain.stack import Updater

SUCCESSOR = "updater-successor"
TRIES = 5
"""How often it is started again when it dies in the middle: all that it does can be done again."""

Model = dict[str, Any]


def successor_model(model: Mapping[str, Any], updater: Updater, sha: str, new: Path, old: Path) -> Model:
    """The release's `model` with one more service: its worker's image, mounts and networks, another command."""
    result: Model = copy.deepcopy(dict(model))
    service = copy.deepcopy(result["services"][updater.worker])
    for name in ("depends_on", "container_name", "ports", "profiles", "build"):
        service.pop(name, None)
    service["command"] = ["python", "-m", "workers.successor", sha, str(new), str(old)]
    service["restart"] = f"on-failure:{TRIES}"
    service["healthcheck"] = {"disable": True}
    result["services"][SUCCESSOR] = service
    return result
