"""Dependencies on one-shot jobs, and of them: what a release waits for and no rollout runs. Pure functions.

https://docs.docker.com/reference/compose-file/services/#depends_on
"""

from collections.abc import Iterator, Mapping
from typing import Any

from app.domain.stack import COMPLETED, Stack

HEALTHY = "service_healthy"


def unrun(model: Mapping[str, Any], stack: Stack) -> Iterator[str]:
    """What to say of jobs that a service which the updater moves waits for, if none or a later command runs them."""
    moved, services = stack.written_services(), model.get("services") or {}
    waiting: dict[str, list[str]] = {}
    for name in (name for name in moved if name in services):
        for needed, how in (services[name].get("depends_on") or {}).items():
            if (how or {}).get("condition") == COMPLETED and needed not in moved:
                waiting.setdefault(needed, []).append(name)
    for job, names in waiting.items():
        yield (
            f"{', '.join(names)} waits until {job} has completed (depends_on), but no rollout runs {job}, so what it "
            f"does is not done for the release. Add `- service: {job}` to before_flip in the stack file"
        )
    yield from _too_late(services, stack)


def needed_by(model: Mapping[str, Any], service: str, stack: Stack) -> dict[str, bool]:
    """What `service` depends on and no rollout moves, if it has to run. True: it has to be healthy."""
    waits: Mapping[str, Mapping[str, Any]] = model["services"][service].get("depends_on") or {}
    moved = stack.moved_services()
    needed = {name: how for name, how in waits.items() if name not in moved and how.get("required", True)}
    conditions = {name: how.get("condition") for name, how in needed.items()}
    return {name: condition == HEALTHY for name, condition in conditions.items() if condition != COMPLETED}


def _too_late(services: Mapping[str, Any], stack: Stack) -> Iterator[str]:
    jobs = stack.jobs
    for n, job in enumerate(jobs):
        for needed, how in ((services.get(job) or {}).get("depends_on") or {}).items():
            if (how or {}).get("condition") == COMPLETED and needed in jobs[n + 1 :]:
                yield f"{job} waits until {needed} has completed (depends_on): put {needed} first in before_flip"
