"""One file with the state of a stack, to move its worker to another manager of the swarm.

It holds the operator's secrets, as the releases' definitions do: it is readable by its owner alone.
"""

import io
import json
import os
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from app.domain.errors import StateNotMoved
from app.files import replace_durably, sync_directory
from workers.adapters.disk.state_json import decode

FORMAT = 1
MODE, DIRECTORY_MODE = 0o600, 0o700
MANIFEST, STATE = "manifest.json", "state.json"
LARGEST = 256 * 1024 * 1024
"""Bytes of all files together: definitions, the history and what was sent are far smaller."""

MOVED = re.compile(r"releases/[0-9a-f]{40}/[\w.-]+\.json|marks\.key|history\.jsonl|notices\.json|github\.json")
"""What is moved of the data directory. The published definition is written again; logs and Git's mirror stay."""


@dataclass(frozen=True)
class Manifest:
    """Whose state it is, and where it was: definitions name paths in both directories."""

    project: str
    repository: str
    directory: str
    data_dir: str
    exported_at: str
    format: int = FORMAT


def packed(manifest: Manifest, state: bytes, data_dir: Path) -> bytes:
    """The archive. Raises OSError."""
    files = {MANIFEST: json.dumps(asdict(manifest)).encode(), STATE: state, **dict(_moved(data_dir))}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), MODE
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _moved(data_dir: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(data_dir.rglob("*")):
        name = str(path.relative_to(data_dir))
        if MOVED.fullmatch(name) and path.is_file() and not path.is_symlink():
            yield name, path.read_bytes()


def unpacked(content: bytes) -> tuple[Manifest, Mapping[str, bytes]]:
    """The manifest, and the other files by name. Raises StateNotMoved if it is no archive of `packed`, or damaged."""
    try:
        files = dict(_files(content))
        fields = json.loads(files.pop(MANIFEST))
        if fields.get("format") != FORMAT:
            raise StateNotMoved(f"the archive has the format {fields.get('format')}, this version reads {FORMAT}")
        decode(files[STATE])
        return Manifest(**fields), files
    except (tarfile.TarError, EOFError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateNotMoved(f"the archive cannot be read ({type(error).__name__}: {error})") from error


def _files(content: bytes) -> Iterator[tuple[str, bytes]]:
    left = LARGEST
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        for entry in archive:
            left -= entry.size
            known = entry.name in {MANIFEST, STATE} or MOVED.fullmatch(entry.name)
            read = archive.extractfile(entry) if entry.isreg() and known and left >= 0 else None
            if read is None:
                raise ValueError(f"{entry.name} is not part of a state")
            yield entry.name, read.read()


def install(files: Mapping[str, bytes], data_dir: Path, state_path: Path) -> None:
    """Writes the files; the state last, so that an import that was cut off can be repeated. Raises OSError."""
    for name, content in files.items():
        if name != STATE:
            _write(data_dir / name, content)
    _write(state_path, files[STATE])


def _write(path: Path, content: bytes) -> None:
    if not path.parent.exists():
        path.parent.mkdir(parents=True, mode=DIRECTORY_MODE)
        sync_directory(path.parent.parent)
    replace_durably(path, content, staging=path.parent, mode=MODE)


def write_archive(path: Path, content: bytes) -> None:
    """Writes it as a new file. Raises FileExistsError, OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.absolute().parent)


def now_text(now: datetime) -> str:
    return now.isoformat(timespec="seconds")
