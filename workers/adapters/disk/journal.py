"""The journal: the state file at UPDATER_STATE_PATH."""

import asyncio
import contextlib
import errno
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog
from pydantic import TypeAdapter, ValidationError

from app.domain.errors import StaleWorker, StateOfLaterVersion
from app.domain.state import SCHEMA, State
from app.domain.step import step_named
from app.files import replace_durably
from workers.adapters.disk.sidecar_state import is_sidecar_state, sidecar_state

MODE = 0o600
SIDECAR, UNREADABLE = ".sidecar", ".unreadable"
"""What is added to the name of the copy of a file that another program wrote, or that cannot be read."""

RESERVE_BYTES = 1024 * 1024
"""Far more than all that a rollout writes until its end."""

_LATER = (
    "It was not touched, and your traffic goes on. Run that version again; or move the file away, then what is live is "
    "read from the containers' labels, and rollouts wait until you unpause."
)
_STATE = TypeAdapter(State)
log = structlog.get_logger()


class FileJournal:
    """The state in a file: replaced in one step, checksummed, with the copy before it beside it.

    One worker writes it: a write is refused when the file carries the epoch of another one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._previous = path.with_name(path.name + ".previous")
        self._reserve = path.with_name(path.name + ".reserve")
        self._turn = asyncio.Lock()
        self._state = State()
        self._lost: str | None = None

    @property
    def state(self) -> State:
        return self._state

    @property
    def lost(self) -> str | None:
        return self._lost

    def load(self) -> State:
        """The state on disk: the last one, the copy before it, or, with neither, a new one; `lost` says which.

        No file at all is a first start as far as the journal can tell. A file that the sidecar before this updater
        wrote is read, and one that cannot be read is not overwritten: a copy of either is kept beside it.
        Raises StateOfLaterVersion: to go on from an older copy, or from none, would write over what is whole.
        """
        copies = [path for path in (self._path, self._previous) if path.exists()]
        for path in copies:
            try:
                content = path.read_bytes()
                self._state = self._read(path, content)
            except LaterSchema as later:
                raise StateOfLaterVersion(f"{path}: {later}. {_LATER}") from later
            except (OSError, ValueError) as error:
                kept = self._keep_copy(path, UNREADABLE)
                log.error("a copy of the state file cannot be read", path=str(path), reason=str(error), kept=kept)
            else:
                self._lost = None if path is self._path else f"{self._path} could not be read; the copy before it was."
                return self._state
        self._lost = f"{self._path} could not be read, nor the copy before it." if copies else None
        return self._state

    def _read(self, path: Path, content: bytes) -> State:
        """Raises ValueError, LaterSchema."""
        if is_sidecar_state(fields := json.loads(content)):
            kept = self._keep_copy(path, SIDECAR)
            log.info("the state file is the one of the sidecar before this updater", path=str(path), kept=kept)
            return sidecar_state(fields)
        return decode(content)

    @staticmethod
    def _keep_copy(path: Path, suffix: str) -> str | None:
        """Where the file is kept; None if it cannot be. The first copy stays: a later one may be worth less."""
        copy = path.with_name(path.name + suffix)
        try:
            if not copy.exists():
                replace_durably(copy, path.read_bytes(), staging=path.parent, mode=MODE)
        except OSError as error:
            log.error("a copy of the state file could not be kept", path=str(copy), reason=str(error))
            return None
        return str(copy)

    async def update(self, change: Callable[[State], State]) -> State:
        """Applies `change` and returns when the result is on disk. Raises StaleWorker, OSError."""
        async with self._turn:
            new = change(self._state)
            if new != self._state:
                await asyncio.shield(asyncio.to_thread(self._write, new))
                self._state = new
            return new

    async def check(self) -> None:
        await asyncio.to_thread(self._check)

    def _check(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # what cannot be read names no other worker
            self._refuse(decode(self._path.read_bytes()).epoch, self._state)

    def _write(self, new: State) -> None:
        """What is kept in reserve is given up for it when the disk is full: a rollout has to be able to end."""
        try:
            self._replace(new)
        except OSError as error:
            if error.errno != errno.ENOSPC or not self._reserve.exists():
                raise
            log.error("the disk is full; the journal's reserve is used", path=str(self._path))
            self._reserve.unlink()
            self._replace(new)
        else:
            self._refill()

    def _refill(self) -> None:
        if not self._reserve.exists():
            with contextlib.suppress(OSError):  # the disk is still full: later
                replace_durably(self._reserve, bytes(RESERVE_BYTES), staging=self._path.parent, mode=MODE)

    def _replace(self, new: State) -> None:
        if self._path.exists():
            self._keep(self._path.read_bytes(), new)
        replace_durably(self._path, encode(new), staging=self._path.parent, mode=MODE)

    def _keep(self, current: bytes, new: State) -> None:
        """The copy on disk becomes the previous one; a torn one never takes a good one's place."""
        try:
            epoch = decode(current).epoch
        except ValueError:
            return
        self._refuse(epoch, new)
        replace_durably(self._previous, current, staging=self._path.parent, mode=MODE)

    @staticmethod
    def _refuse(epoch: int, mine: State) -> None:
        if epoch > mine.epoch:
            raise StaleWorker("the journal carries a later worker's epoch; this one stops")


class LaterSchema(ValueError):
    """It is whole, and of a version that this one does not know."""


def encode(state: State) -> bytes:
    """`state` as JSON with a checksum over everything else."""
    fields: dict[str, Any] = _STATE.dump_python(state, mode="json")
    for step, record in zip(_steps(fields), state.rollout.steps if state.rollout else (), strict=True):
        step["name"] = record.name  # the only thing that version 0.1.0 knows of a step
    return json.dumps({**fields, "checksum": _checksum(fields)}, indent=1).encode()


def decode(content: bytes) -> State:
    """The state in `content`. Raises ValueError when it is torn or changed, LaterSchema."""
    fields = json.loads(content)
    if not isinstance(fields, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - a torn file, not a programming error
    checksum = fields.pop("checksum", None)
    if checksum != _checksum(fields):
        raise ValueError("its checksum is wrong")
    if fields.get("schema", 0) > SCHEMA:
        raise LaterSchema(f"its schema is {fields['schema']}, this version knows {SCHEMA}")
    try:
        for step in _steps(fields):
            step.setdefault("id", asdict(step_named(step.get("name", ""))))
        return _STATE.validate_python(fields)
    except ValidationError as error:
        raise ValueError(str(error)) from error


def _steps(fields: dict[str, Any]) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = (fields.get("rollout") or {}).get("steps", [])
    return steps


def _checksum(fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
