"""Runs a release's commands before its flip: migrations."""

from dataclasses import replace
from typing import Any

from app.domain.errors import BeforeFlipFailed
from app.domain.ran import Ran
from app.domain.stack import BeforeFlip
from app.domain.step import StepId
from workers.ports import Definition, Instance
from workers.rollout import one_version
from workers.rollout.run import Run
from workers.rollout.subjects import definition_of, sha_of

NEED_INTERVAL = 0.5
"""Seconds between two looks at what a job depends on."""


async def run_command(run: Run, step: StepId, command: BeforeFlip) -> dict[str, Any]:
    """Runs the release's own command in its new image. Skips a command that already succeeded there for this commit.

    Of a job, it first waits for what the job depends on. Raises BeforeFlipFailed.
    """
    ran = Ran.of(sha_of(run), command, run.stack)
    before = run.ports.journal.state.ran_before(ran)
    if before is not None and before.completed:
        return {"skipped": "it already succeeded for this commit"}
    definition, service = definition_of(run), run.stack.service_of(command.service, run.target)
    if service in run.stack.jobs:
        await _wait_for_needs(run, definition, service)
    await run.update(lambda state: state.run(ran))
    if left := await run.ports.engine.sweep():
        run.say(f"{step.name}: removed what an earlier run left: {', '.join(left)}")
    async with one_version.of_files(run, definition, [service]):
        run.raise_if_stopped()  # from here on the command is not interrupted
        await run.ports.engine.run_once(
            definition,
            service,
            command.command,
            name=f"{run.rollout.id}-{step.name}",
            limit=command.limit,
            log=run.say,
        )
    await run.update(lambda state: state.run(replace(ran, completed=True)))
    return {"again": before is not None}


async def _wait_for_needs(run: Run, definition: Definition, job: str) -> None:
    """Waits at most `times/start` until what the job depends on runs, and is healthy if the release says so."""
    clock, needs = run.ports.clock, await run.ports.engine.needs(definition, job)
    deadline = clock.monotonic() + run.stack.times.start
    while missing := [name for name, healthy in needs.items() if not await _is_there(run, name, healthy=healthy)]:
        if clock.monotonic() >= deadline:
            names, limit = ", ".join(missing), run.stack.times.start
            why = f"it depends on {names}: not ready after {limit:g} s (times/start), and no rollout starts that"
            raise BeforeFlipFailed(f"{why}. Start {names} by hand, and deploy the tag again", service=job)
        await clock.sleep(NEED_INTERVAL)


async def _is_there(run: Run, service: str, *, healthy: bool) -> bool:
    def passes(instance: Instance) -> bool:
        return instance.running and (not healthy or instance.health in {None, "healthy"})

    return any(map(passes, await run.ports.engine.find(service)))
