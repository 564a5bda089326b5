"""The status: what the worker published, plus what only the web process knows. An ETag makes polling cheap."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse, Response

from app.api.rollout import Result
from app.api.status import IgnoredDelivery, PublishedStatus, Status
from app.ledger import Ledger
from app.web.internal.call import Given
from app.web.published import published_status

ALWAYS_CHANGING = {"uptime_seconds", "last_checked_at", "looked_at", "disk"}
"""Fields whose changes are no news. The ETag ignores them."""


@dataclass(frozen=True)
class StatusCall:
    ledger: Ledger
    started: float = field(default_factory=time.monotonic)

    async def __call__(self, given: Given) -> Response:
        """The status, or 304 if the caller already has it."""
        content = (await self.whole()).as_json()
        tag = etag(content)
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if known(given.request.headers.getlist("if-none-match"), tag):
            return Response(status_code=304, headers=headers)
        return JSONResponse(content, headers=headers)

    async def published(self) -> PublishedStatus:
        """The status that the worker published last."""
        return await published_status(self.ledger)

    async def whole(self) -> Status:
        """`GET /status`: what the worker published, and what the web process knows."""
        published = await self.published()
        pending = [r.tag for r in await self.ledger.pending()]
        last = await self.ledger.last_result()
        known_tags = {*published.queued, *published.held}
        fields = {
            **dict(published),
            "queued": (*published.queued, *(tag for tag in pending if tag not in known_tags)),
            "worker_alive": await self.ledger.worker_alive(),
            "last_result": Result.as_far_as_readable(last)[0] if last else None,
            "ignored": tuple(map(IgnoredDelivery.of, await self.ledger.ignored())),
            "uptime_seconds": round(time.monotonic() - self.started, 1),
        }
        return Status.model_validate(fields)


def etag(content: Mapping[str, Any]) -> str:
    """A weak entity tag. Two statuses that differ only in ALWAYS_CHANGING have the same one."""
    relevant = {name: value for name, value in content.items() if name not in ALWAYS_CHANGING}
    digest = hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()
    return f'W/"{digest[:32]}"'


def known(if_none_match: list[str], tag: str) -> bool:
    """Whether the caller has the status with `tag`. https://www.rfc-editor.org/rfc/rfc9110#name-if-none-match"""
    tags = {part.strip() for line in if_none_match for part in line.split(",")}
    return "*" in tags or tag in tags or tag.removeprefix("W/") in tags
