"""The values that Compose found for variables, kept as long as everything that they depend on is the same.

A rollout asks for the values of a service's secrets a dozen times, to notice that one changes.
"""

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from workers.adapters.docker_host.compose.commands import NO_VARIABLES, Command, ComposeFiles
from workers.adapters.docker_host.stored.host_file_states import state

KEPT = 16
"""Of how many questions the values are kept: those about the services of one rollout."""

Question = tuple[object, ...]
"""The texts whose variables have values, and everything that sets one."""


def question_of(texts: Sequence[str], given: ComposeFiles, command: Command) -> Question | None:
    """None if Compose would look for a file that sets variables, or if one of `given` is none that stays as it is.

    Also None if the program is not known that reads them: `docker compose` runs one of several possible files.

    Each file counts with its content and with a text that every write changes: also one that is undone while Compose
    reads. No Compose file is read: the texts are all that is resolved.
    """
    if not given.env_files or not all(file == NO_VARIABLES or file.is_file() for file in given.env_files):
        return None
    program = shutil.which(command[0]) if len(command) == 1 else None
    if program is None:
        return None
    try:
        files = [(str(file), state(file), hashlib.sha256(file.read_bytes()).digest()) for file in given.env_files]
    except OSError:
        return None
    inherited = [(name, os.environ.get(name)) for name in given.inherited]
    own = (*sorted(given.env.items()), given.project_directory, given.project_directory.is_dir(), given.profiles)
    return (tuple(texts), program, state(Path(program)), *files, *inherited, *own)


class KnownValues:
    """The values of the last questions."""

    def __init__(self) -> None:
        self._of: dict[Question, tuple[str, ...]] = {}

    def of(self, question: Question | None) -> list[str] | None:
        """None if they are not known."""
        known = self._of.get(question) if question is not None else None
        return None if known is None else list(known)

    def keep(self, before: Question | None, after: Question | None, values: Sequence[str]) -> None:
        """Keeps `values`, unless something changed while Compose looked for them: between `before` and `after`."""
        if before is None or before != after:
            return
        self._of[before] = tuple(values)
        while len(self._of) > KEPT:
            del self._of[next(iter(self._of))]
