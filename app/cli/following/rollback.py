"""Rolls back: says first what the kept release lacks, and which of today's values it would not get."""

import asyncio
from typing import Any

from app.cli.api.client import ApiClient
from app.cli.errors import CommandError, Exit
from app.cli.following.follow import ask_and_follow
from app.cli.report import write
from app.cli.views.rollback_plan import changed_lines, lacks_lines, rollback_plan_lines
from app.cli.views.show import console
from app.cli.views.text import document

ANSWER_SECONDS = 5.0
"""How long a rollback waits for what it says first: while the worker is busy, traffic has to move."""


async def show_rollback_plan(updater: ApiClient, *, as_json: bool) -> Exit:
    plan = await updater.rollback_plan(None)
    for line in [document(plan.as_received())] if as_json else rollback_plan_lines(plan):
        write(line)
    return Exit.DONE


async def roll_back(
    updater: ApiClient, sha: str | None, *, force: bool, current_env: bool, wait: bool, as_json: bool
) -> Exit:
    """Requests the rollback and, with `wait`, follows it to its end."""
    for line in await _said_first(updater, sha, values=not current_env):
        console(stderr=as_json).print(line, soft_wrap=True, markup=False, highlight=False)
    flags = {"force": force, "current_env": current_env}
    body: dict[str, Any] = {"previous_sha": sha} if sha else {}
    body |= {name: True for name, given in flags.items() if given}
    return await ask_and_follow(updater, "/update/rollback", body, forced=True, wait=wait, as_json=as_json)


async def _said_first(updater: ApiClient, sha: str | None, *, values: bool) -> list[str]:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            plan = await updater.rollback_plan(sha)
            return [*lacks_lines(plan), *(changed_lines(plan) if values else ())]
    except TimeoutError:
        return [f"Whether your env files changed since is not known: no answer within {ANSWER_SECONDS:.0f} s."]
    except CommandError:  # the rollback itself is refused for the same reason, or the updater is an earlier version
        return []
