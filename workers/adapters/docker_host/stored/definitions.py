"""Stores the definitions of the kept releases, each in a private file."""

import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from app.domain.errors import EngineFailed
from app.files import replace_durably
from workers.definition.files.mounts import mounted
from workers.definition.images.service_images import as_proven, images_by_digest
from workers.ports.mutation import Fence, no_fence

MODEL_FILE = "compose.json"
MODE = 0o600
CURRENT = "current"
"""The directory of the live release's definition, which a plain `docker compose` can use."""


Model = dict[str, Any]


def read_model(file: Path) -> Model:
    """Raises EngineFailed when the file is missing or damaged."""
    try:
        model: Model = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EngineFailed(f"{file} cannot be read ({type(error).__name__})") from error
    return model


class ReleaseFiles:
    """Keeps one directory per release below `directory`, named by the release's SHA.

    The fence comes right before each change: a worker that was replaced meanwhile must neither publish its release nor
    remove that of the worker which replaced it.
    """

    def __init__(self, directory: Path, fence: Fence = no_fence) -> None:
        self._directory, self._fence = directory, fence

    def path(self, sha: str) -> Path:
        return self._directory / sha / MODEL_FILE

    def read(self, sha: str) -> Model | None:
        """Returns None when the file is missing or damaged. With CURRENT, the model that `publish` wrote last."""
        try:
            return read_model(self.path(sha))
        except EngineFailed:
            return None

    def write(self, sha: str, model: Model) -> Path:
        """Writes the model. The file has mode 0600 from its first byte, because it holds the operator's secrets."""
        path = self.path(sha)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        content = json.dumps(model).encode()
        replace_durably(path, content, staging=path.parent, mode=MODE, prepare=lambda _: self._fence())
        return path

    def prune(self, keep: Collection[str]) -> None:
        for directory in self._directory.iterdir() if self._directory.exists() else ():
            if directory.name not in {*keep, CURRENT}:
                self._fence()
                shutil.rmtree(directory, ignore_errors=True)

    def mounted(self) -> list[str]:
        """The files and directories of the host that the definitions mount."""
        return [path for model in self.models() for each in (model, as_proven(model)) for path in mounted(each)]

    def models(self) -> list[Model]:
        """All definitions, without those that cannot be read."""
        return [model for sha in self._shas() for model in [self.read(sha)] if model]

    def pulled(self, keep: Collection[str]) -> set[str]:
        """The images by digest that no definition in `keep` or CURRENT names, only others."""
        kept: set[str] = set()
        others: set[str] = set()
        for sha in self._shas():
            (kept if sha in {*keep, CURRENT} else others).update(images_by_digest(self.read(sha) or {}))
        return others - kept

    def _shas(self) -> list[str]:
        return [entry.name for entry in self._directory.iterdir()] if self._directory.exists() else []
