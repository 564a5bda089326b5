"""Moves the state of a stack in a swarm from one manager to another: `updater export-state`, `updater import-state`."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from app.config.locations import lease_beside
from app.config.settings import WorkerSettings
from app.config.stack_file import load_stack
from app.domain.errors import StaleWorker, StateNotMoved, UpdaterError
from app.domain.stack import EngineKind, Stack
from workers.adapters.disk import state_archive
from workers.adapters.disk.journal import FileJournal
from workers.adapters.disk.lease import Lease
from workers.adapters.disk.state_archive import Manifest
from workers.adapters.disk.state_json import encode

EXPORT, IMPORT = "export-state", "import-state"


async def export_state(settings: WorkerSettings, stack: Stack, file: Path) -> str:
    """Writes the state to `file` and pauses this worker, which may be started again. Returns a sentence.

    Raises StateNotMoved; then nothing was changed.
    """
    _check_engine(stack)
    async with _alone(settings):
        journal = FileJournal(settings.journal_path)
        state = journal.load()
        _check_exported(settings, journal, file)
        now = state_archive.now_text(datetime.now(UTC))
        reason = f"Its state was exported to {file} at {now}. Unpause only if no other worker has imported it."
        try:
            content = state_archive.packed(_manifest(settings, stack, now), encode(state), settings.data_dir)
            await journal.update(lambda before: before.pause(reason))
        except OSError as error:
            raise StateNotMoved(f"{settings.data_dir} cannot be read or written ({error})") from error
        try:
            state_archive.write_archive(file, content)
        except OSError as error:
            await journal.update(lambda _: state)
            raise StateNotMoved(f"{file} cannot be written ({error})") from error
    return f"The state is in {file}. It has secrets: copy it to the other manager, and delete it here."


def _check_exported(settings: WorkerSettings, journal: FileJournal, file: Path) -> None:
    state = journal.state
    if journal.lost is not None or not settings.journal_path.exists():
        raise StateNotMoved(f"there is no state at {settings.journal_path}, or it cannot be read")
    if state.rollout is not None:
        tag = state.rollout.release.tag
        raise StateNotMoved(f"the rollout of {tag} has not ended. Start the worker, wait until it has, and stop it")
    if file.exists():
        raise StateNotMoved(f"{file} exists. Name a new file")


async def import_state(settings: WorkerSettings, stack: Stack, file: Path) -> str:
    """Makes the state in `file` that of this worker. Returns a sentence. Raises StateNotMoved.

    It can be repeated if it was cut off.
    """
    _check_engine(stack)
    manifest, files = state_archive.unpacked(_content(file))
    _check_fits(manifest, _manifest(settings, stack, manifest.exported_at))
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    async with _alone(settings):
        if settings.journal_path.exists():
            raise StateNotMoved(f"{settings.journal_path} exists: this worker has a state. Move it away first")
        try:
            state_archive.install(files, settings.data_dir, settings.journal_path)
        except OSError as error:
            raise StateNotMoved(f"the state could not be written ({error}). Run this again when it can be") from error
    return f"The state of {manifest.exported_at} is imported. Start this worker, and start the other one no more."


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise StateNotMoved(f"{file} cannot be read ({error})") from error


def _check_engine(stack: Stack) -> None:
    if stack.engine is not EngineKind.SWARM:
        raise StateNotMoved("the stack is on this host alone (`engine: compose`), and its state stays with it")


def _check_fits(found: Manifest, here: Manifest) -> None:
    names = {"project": "project", "repository": "repository", "directory": "directory", "data_dir": "UPDATER_DATA_DIR"}
    other = [
        f"{name} is {getattr(found, key)} in the archive, and {getattr(here, key)} here"
        for key, name in names.items()
        if getattr(found, key) != getattr(here, key)
    ]
    if other:
        raise StateNotMoved("; ".join(other))


def _manifest(settings: WorkerSettings, stack: Stack, exported_at: str) -> Manifest:
    return Manifest(stack.project, stack.repository, stack.directory, str(settings.data_dir), exported_at)


@contextlib.asynccontextmanager
async def _alone(settings: WorkerSettings) -> AsyncIterator[None]:
    """Holds the lease of this machine's worker, which must not run. Raises StateNotMoved."""
    async with contextlib.AsyncExitStack() as opened:
        try:
            await opened.enter_async_context(Lease(lease_beside(settings.journal_path)).held(0))
        except StaleWorker as running:
            raise StateNotMoved("the worker runs here. Stop it first: it would go on with the state") from running
        yield


def main(words: Sequence[str] = sys.argv[1:]) -> None:
    """`python -m workers.moved_state export-state|import-state FILE`. Exits with 1 and the reason."""
    command, file = words
    run = {EXPORT: export_state, IMPORT: import_state}[command]
    try:
        settings = WorkerSettings.from_environ(os.environ)
        stack = load_stack(settings.stack_file, repository=settings.repository)
        print(asyncio.run(run(settings, stack, Path(file))))
    except UpdaterError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
