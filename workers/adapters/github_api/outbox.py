"""Records on disk what was reported to GitHub. Losing the record creates no deployment twice."""

import json
from datetime import datetime
from pathlib import Path

import structlog
from pydantic import AwareDatetime, ValidationError

from app.domain.deployment import Outbox, ReportedDeployment
from app.files import keep_copy, replace_durably
from app.lazy_adapter import LazyAdapter
from app.stored import read_each
from workers.adapters.threads import in_file_thread

MODE = 0o600

_OUTBOX = LazyAdapter(Outbox)
_REPORTED = LazyAdapter(ReportedDeployment)
_SINCE = LazyAdapter(AwareDatetime)
log = structlog.get_logger()


class FileOutbox:
    """One JSON file. If it is missing or unreadable, the updater reports rollouts that end from `now` on.

    Of a file that another version wrote, it keeps what is readable.
    """

    def __init__(self, path: Path, now: datetime) -> None:
        self._path = path
        self._content = self._read(now)

    @property
    def content(self) -> Outbox:
        return self._content

    async def keep(self, content: Outbox) -> None:
        if content != self._content:
            written = _OUTBOX.built.dump_json(content, indent=1)
            await in_file_thread(replace_durably, self._path, written, staging=self._path.parent, mode=MODE)
            self._content = content

    def _read(self, now: datetime) -> Outbox:
        path, new = str(self._path), Outbox(since=now)
        try:
            content = self._path.read_bytes()
            return _OUTBOX.built.validate_json(content)
        except FileNotFoundError:
            return new
        except OSError as error:
            log.warning("cannot read which deployments were reported; starting over", path=path, reason=str(error))
            return new
        except ValidationError as error:
            copy = keep_copy(self._path, mode=MODE)
            log.warning("cannot read all reported deployments", path=path, reason=str(error), kept=copy)
            return _readable(content) or new


def _readable(content: bytes) -> Outbox | None:
    """Returns None if it is unknown since when rollouts are reported."""
    try:
        fields = json.loads(content)
    except ValueError:
        return None
    since = read_each(_SINCE, [fields.get("since")]) if isinstance(fields, dict) else []
    return Outbox(since[0], tuple(read_each(_REPORTED, fields.get("told")))) if since else None
