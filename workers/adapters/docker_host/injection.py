"""Copies configs and secrets into a container that is not started yet, as Compose does when it starts one.

`docker compose up --no-start` copies none, and what starts a singleton is the engine, not Compose.
"""

import io
import tarfile
import time
from collections.abc import Iterable

from workers.adapters.docker_host.client import Docker
from workers.definition.files.injected_files import InjectedFile


async def inject(engine: Docker, container: str, files: Iterable[InjectedFile]) -> None:
    """Replaces `files` in the container. Raises EngineFailed, for example if its file system is read-only."""
    archive = _archive(files)
    await engine.change(lambda client: client.containers.get(container).put_archive("/", archive))


def _archive(files: Iterable[InjectedFile]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for file in files:
            data = file.content.encode("utf-8", "surrogateescape")
            entry = tarfile.TarInfo(file.path.lstrip("/"))
            entry.size, entry.mode, entry.mtime = len(data), file.mode, int(time.time())
            entry.uid, entry.gid = file.owner or (0, 0)
            archive.addfile(entry, io.BytesIO(data))
    return content.getvalue()
