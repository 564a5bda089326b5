"""What the status says is live."""

from typing import Any

from app.domain.release import Version


def live_tag(status: dict[str, Any] | None) -> str | None:
    """The live release's tag in the worker's status; None when nothing is live, or it is not known what."""
    current = (status or {}).get("current") or {}
    tag = current.get("tag")
    return tag if Version.read(tag) else None
