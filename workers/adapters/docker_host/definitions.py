"""The kept releases' definitions, each in a private file."""

import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from app.domain.errors import EngineFailed
from app.files import replace_durably

MODEL_FILE = "compose.json"
MODE = 0o600
CURRENT = "current"
"""Where the definition of what is live is found, whichever release that is: for a plain `docker compose`."""


Model = dict[str, Any]


def read_model(file: Path) -> Model:
    """Raises EngineFailed when it is gone or not whole."""
    try:
        model: Model = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EngineFailed(f"{file} cannot be read ({type(error).__name__})") from error
    return model


class ReleaseFiles:
    """One directory a release below `directory`, named by its SHA."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, sha: str) -> Path:
        return self._directory / sha / MODEL_FILE

    def read(self, sha: str) -> Model | None:
        """None when it is gone or not whole. CURRENT for what `publish` wrote last."""
        try:
            return read_model(self.path(sha))
        except EngineFailed:
            return None

    def write(self, sha: str, model: Model) -> Path:
        """Mode 0600 from its first byte: it holds the operator's secrets."""
        path = self.path(sha)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_durably(path, json.dumps(model).encode(), staging=path.parent, mode=MODE)
        return path

    def prune(self, keep: Collection[str]) -> None:
        for directory in self._directory.iterdir() if self._directory.exists() else ():
            if directory.name not in {*keep, CURRENT}:
                shutil.rmtree(directory, ignore_errors=True)
