"""The rollouts' logs on disk, which survive the loss of Redis."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from workers.ports.storage import LOG_BYTES, LOGS_BYTES, LOGS_KEPT

LOG, EARLIER = ".log", ".log.1"
"""Suffixes of a log, and of the part before it."""

log = structlog.get_logger()


@dataclass(frozen=True)
class _File:
    path: Path
    bytes: int
    written_at: float

    @property
    def rollout(self) -> str:
        return self.path.name.removesuffix(EARLIER).removesuffix(LOG)


class RolloutLogs:
    """One file per rollout in `directory`: `<rollout id>.log`.

    A file with half of `log_bytes` becomes `<rollout id>.log.1`, which replaces the part before it.
    """

    def __init__(
        self, directory: Path, *, log_bytes: int = LOG_BYTES, all_bytes: int = LOGS_BYTES, kept: int = LOGS_KEPT
    ) -> None:
        self._directory = directory
        self._log_bytes, self._all_bytes, self._kept = log_bytes, all_bytes, kept

    def append(self, rollout: str, line: str, at: datetime) -> None:
        """Writes one line with its time. If the write fails, only this line is lost."""
        content = f"{at.isoformat(timespec='milliseconds')} {line}\n".encode("utf-8", "replace")
        path = self._directory / f"{rollout}{LOG}"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size + len(content) > self._log_bytes // 2:
                path.replace(path.with_name(f"{rollout}{EARLIER}"))
            with path.open("ab") as file:
                file.write(content)
        except OSError as error:
            log.warning("the rollout's log could not be written", reason=str(error))

    def prune(self, keep: Collection[str]) -> int:
        """Deletes the oldest logs beyond the limits, but no log of a rollout in `keep`. Returns the bytes freed."""
        total, freed = 0, 0
        for number, files in enumerate(self._logs()):
            size = sum(file.bytes for file in files)
            total += size
            if (number >= self._kept or total > self._all_bytes) and files[0].rollout not in keep:
                freed += sum(file.bytes for file in files if _deleted(file.path))
        return freed

    def _logs(self) -> list[list[_File]]:
        """Returns the files of each rollout; the rollout whose log was written last comes first."""
        logs: dict[str, list[_File]] = {}
        for file in self._files():
            logs.setdefault(file.rollout, []).append(file)
        return sorted(logs.values(), key=lambda files: max(file.written_at for file in files), reverse=True)

    def _files(self) -> Iterator[_File]:
        paths = self._directory.glob(f"*{LOG}*") if self._directory.exists() else ()
        for path in paths:
            try:
                found = path.stat()
            except FileNotFoundError:
                continue
            yield _File(path, found.st_size, found.st_mtime)


def _deleted(path: Path) -> bool:
    try:
        path.unlink()
    except OSError as error:
        log.warning("an old log could not be deleted", path=str(path), reason=str(error))
        return False
    return True
