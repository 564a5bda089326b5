"""Keeps the published Compose file, which an operator's own `docker compose up` uses, at the live release."""

import structlog

from app.domain.errors import ComposeInvalid, EngineFailed, ReleaseNotKept
from workers.ports import Ports

log = structlog.get_logger()


async def publish_live(ports: Ports) -> None:
    """Publishes the live release again if another one, or another color of it, is published.

    Each rollout publishes as its last step. This is for a rollout that could not, because the engine was away or its
    worker was lost: the operator's `docker compose up` would start the release before it.
    """
    state = ports.journal.state
    live, color = state.current, state.active_color
    if state.rollout is not None or live is None or color is None:
        return
    published = await ports.engine.published_release()
    if published == (live.sha, color) or (published is None and live.adopted):  # an older updater's adoption is right
        return
    try:
        await ports.engine.publish(ports.engine.defined(live.sha), color)
    except (ComposeInvalid, EngineFailed, ReleaseNotKept) as error:
        log.error("the published Compose file may be of another release than the live one", reason=str(error))


async def leave_out_retired(ports: Ports) -> None:
    """Removes retired services from the published file at once, so that `docker compose up` starts none."""
    try:
        await ports.engine.republish()
    except (ComposeInvalid, EngineFailed) as error:
        log.error("the published Compose file still has a retired service", reason=str(error))
