"""Unknown fields in compat calls: ignored, and each logged once."""

from dataclasses import dataclass, field
from typing import Any

import structlog
from pydantic_core import from_json

from app.web.internal.call import Call
from app.web.webhook.access_log import clean

LONGEST_NAME = 64
MOST_NAMES = 256
"""How many names are remembered, so that a caller with random names cannot fill the memory or the log."""

log = structlog.get_logger()


@dataclass(frozen=True)
class IgnoredFields:
    """The unknown fields that were already logged, by path of the call. Values are never kept or logged."""

    _named: set[tuple[str, str]] = field(default_factory=set)

    def note(self, call: Call, body: bytes) -> None:
        """Logs the names in `body` that are unknown to `call` and were not logged before."""
        known = call.body.model_fields if call.body else {}
        names = {clean(name, LONGEST_NAME) for name in _names(body) if name not in known}
        room = MOST_NAMES - len(self._named)
        new = sorted(name for name in names if (call.path, name) not in self._named)[:room]
        if new:
            self._named.update((call.path, name) for name in new)
            log.info("unknown fields are ignored", call=call.path, fields=new)


def _names(body: bytes) -> list[str]:
    """The top-level names of a JSON object; empty for any other body."""
    try:
        content: Any = from_json(body)
    except ValueError:
        return []
    return list(content) if isinstance(content, dict) else []
