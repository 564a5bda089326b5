"""The journal: the state file at UPDATER_STATE_PATH."""

import asyncio
import contextlib
import errno
import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path

import structlog

from app.domain.errors import SettingsInvalid, StaleWorker, StateOfLaterVersion
from app.domain.state import State
from app.files import replace_durably
from app.host_paths import on_host
from workers.adapters.disk.one_writer import one_writer
from workers.adapters.disk.sidecar_state import ignored, is_sidecar_state, sidecar_state
from workers.adapters.disk.state_json import LaterSchema, decode, encode
from workers.adapters.threads import in_file_thread, to_its_end

MODE = 0o600
PREVIOUS = ".previous"
"""Suffix for the copy of the file before its last change."""

SIDECAR, UNREADABLE = ".sidecar", ".unreadable"
"""Suffixes for the copy of a file that the sidecar wrote, or that cannot be read."""

RESERVE_BYTES = 1024 * 1024
"""Far more than a rollout writes until its end."""

_LATER = (
    "The file was not changed. Your traffic is not affected. Run the later version again. Or move the file away: then "
    "the updater reads the live release from the containers' labels, and rollouts wait until you unpause."
)
log = structlog.get_logger()


class FileJournal:
    """Keeps the state in a file: replaced atomically, with a checksum, and with the previous copy beside it.

    One worker writes it: a write is refused if another worker has written the file since this one read or wrote it.
    So of several workers that read the same file, however long ago, only one can begin an epoch. A missing or
    unreadable file does not say who wrote it: then `taken` says whether another worker has taken over the lease.
    The file says nothing of a worker on another machine: `elsewhere` says whether one may work.
    """

    def __init__(
        self, path: Path, taken: Callable[[], bool] = lambda: False, elsewhere: Callable[[], bool] = lambda: False
    ) -> None:
        self._path = path
        self._taken, self._elsewhere = taken, elsewhere
        self._previous = path.with_name(path.name + PREVIOUS)
        self._reserve = path.with_name(path.name + ".reserve")
        self._turn = asyncio.Lock()
        self._state = State()
        self._lost: str | None = None
        self._own: tuple[
            bytes, ...
        ] = ()  # what this journal has read or may have written: a failed write can be on disk

    @property
    def state(self) -> State:
        return self._state

    @property
    def lost(self) -> str | None:
        return self._lost

    def load(self) -> State:
        """Loads the state from the file, else from the previous copy, else a new state. `lost` reports the fallback.

        Without any file, the journal assumes a first start. It reads the file of the old sidecar. It keeps a copy of
        the sidecar's file, or of an unreadable one, beside it.
        Raises StateOfLaterVersion, or SettingsInvalid if this process may not read a file, instead of falling back,
        which would overwrite a valid file.
        """
        copies = [path for path in (self._path, self._previous) if path.exists()]
        for path in copies:
            try:
                content = path.read_bytes()
                self._state = self._read(path, content)
            except LaterSchema as later:
                raise StateOfLaterVersion(f"{path}: {later}. {_LATER}") from later
            except PermissionError as error:
                raise SettingsInvalid(_not_permitted(path, error)) from error
            except (OSError, ValueError) as error:
                kept = self._keep_copy(path, UNREADABLE)
                log.error("a copy of the state file cannot be read", path=str(path), reason=str(error), kept=kept)
            else:
                restored = f"{self._path} could not be read. The updater used the previous copy."
                self._lost = None if path is self._path else restored
                self._own = (content,)
                return self._state
        self._lost = f"{self._path} and its previous copy could not be read." if copies else None
        return self._state

    def _read(self, path: Path, content: bytes) -> State:
        """Raises ValueError, LaterSchema."""
        if is_sidecar_state(fields := json.loads(content)):
            kept = self._keep_copy(path, SIDECAR)
            state = sidecar_state(fields)
            read = {"active_color": state.active_color, "last_good_tag": state.last_good_tag, "paused": state.paused}
            log.info("read the old sidecar's state file", path=str(path), kept=kept, **read)
            for each in ignored(fields):
                log.warning("the old sidecar's state file has an unexpected value", value=each)
            return state
        return decode(content)

    @staticmethod
    def _keep_copy(path: Path, suffix: str) -> str | None:
        """Copies the file and returns the copy's path; None if that fails. Keeps an existing copy, the better one."""
        copy = path.with_name(path.name + suffix)
        try:
            if not copy.exists():
                replace_durably(copy, path.read_bytes(), staging=path.parent, mode=MODE)
        except OSError as error:
            log.error("could not copy the state file", path=str(copy), reason=str(error))
            return None
        return str(copy)

    async def update(self, change: Callable[[State], State], *, both: bool = False) -> State:
        """Applies `change` and returns when the result is on disk, even if the caller is cancelled meanwhile.

        Raises StaleWorker, OSError.
        """
        async with self._turn:
            new = change(self._state)
            if new != self._state:
                await to_its_end(self._write_and_keep, new, both)
            return new

    async def check(self) -> None:
        await in_file_thread(self.fence)

    def fence(self) -> None:
        """Raises StaleWorker when another worker has taken over. Blocks the thread: it reads the file."""
        self._check_elsewhere()
        try:
            stale = decode(self._path.read_bytes()).epoch > self._state.epoch
        except LaterSchema:
            stale = True
        except (OSError, ValueError):
            stale = self._taken()
        if stale:
            raise StaleWorker("the journal has a later worker's epoch, so this worker stops")

    def _check_elsewhere(self) -> None:
        if self._elsewhere():
            raise StaleWorker("the lease in Redis has ended, so a worker on another machine may work: this one stops")

    def _write_and_keep(self, new: State, both: bool) -> None:
        with one_writer(self._path.parent):
            self._write(new)
            self._state = new
            if both:
                self._write_again(new)

    def _write_again(self, state: State) -> None:
        try:
            self._write(state)
        except OSError as error:
            log.warning("the previous copy of the state file lacks the last change", reason=str(error))

    def _write(self, new: State) -> None:
        """Writes the state. On a full disk it frees the reserve first, so that a rollout can end."""
        try:
            self._replace(new)
        except OSError as error:
            if error.errno != errno.ENOSPC or not self._reserve.exists():
                raise
            log.error("the disk is full; using the journal's reserve", path=str(self._path))
            self._reserve.unlink()
            self._replace(new)
        else:
            self._refill()

    def _refill(self) -> None:
        if not self._reserve.exists():
            with contextlib.suppress(OSError):  # the disk is still full: try again at the next write
                replace_durably(self._reserve, bytes(RESERVE_BYTES), staging=self._path.parent, mode=MODE)

    def _replace(self, new: State) -> None:
        self._check_elsewhere()
        self._keep()
        content = encode(new)
        self._own = (*self._own, content)
        replace_durably(self._path, content, staging=self._path.parent, mode=MODE)
        self._own = (content,)

    def _keep(self) -> None:
        """Makes the file on disk the previous copy. A damaged file never replaces a good copy.

        Raises StaleWorker if another worker wrote it.
        """
        try:
            current = self._path.read_bytes()
            decode(current)
        except LaterSchema as later:
            raise StaleWorker("a worker of a later version wrote the journal, so this worker stops") from later
        except (FileNotFoundError, ValueError):
            if self._taken():
                raise StaleWorker("another worker has taken over, so this worker stops") from None
            return
        if current not in self._own:
            raise StaleWorker("another worker wrote the journal, so this worker stops")
        replace_durably(self._previous, current, staging=self._path.parent, mode=MODE)


def _not_permitted(path: Path, error: OSError) -> str:
    """Not a lost file: it may say what is live, and that rollouts are paused."""
    command = f"sudo chown {os.geteuid()}:{os.getegid()} {shlex.quote(str(on_host(path)))}"
    return (
        f"UPDATER_STATE_PATH: this process (uid {os.geteuid()}) cannot read {path} ({error.strerror}). Traffic is "
        f"unchanged. Run on the host: {command}"
    )
