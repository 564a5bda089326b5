"""Records on disk what was reported to GitHub. Losing the record creates no deployment twice."""

from datetime import datetime
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

from app.domain.deployment import Outbox
from app.files import replace_durably
from workers.adapters.threads import in_file_thread

MODE = 0o600

_OUTBOX = TypeAdapter(Outbox)
log = structlog.get_logger()


class FileOutbox:
    """One JSON file. If it is missing or unreadable, the updater reports rollouts that end from `now` on."""

    def __init__(self, path: Path, now: datetime) -> None:
        self._path = path
        self._content = self._read() or Outbox(since=now)

    @property
    def content(self) -> Outbox:
        return self._content

    async def keep(self, content: Outbox) -> None:
        if content != self._content:
            written = _OUTBOX.dump_json(content, indent=1)
            await in_file_thread(replace_durably, self._path, written, staging=self._path.parent, mode=MODE)
            self._content = content

    def _read(self) -> Outbox | None:
        try:
            return _OUTBOX.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            log.warning(
                "cannot read which deployments were reported; starting over", path=str(self._path), reason=str(error)
            )
            return None
