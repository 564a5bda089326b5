"""Runs a release's commands before its flip: migrations."""

from dataclasses import replace
from typing import Any

from app.domain.stack import BeforeFlip
from app.domain.state import Ran
from app.domain.step import StepId
from workers.rollout import one_version, steps
from workers.rollout.run import Run


async def run_command(run: Run, step: StepId, command: BeforeFlip) -> dict[str, Any]:
    """Runs the release's own command in its new image. Skips a command that already succeeded for this commit."""
    ran = Ran(steps.sha_of(run), command.service, command.command)
    before = run.ports.journal.state.ran_for(ran.sha, ran.service, ran.command)
    if before is not None and before.completed:
        return {"skipped": "it already succeeded for this commit"}
    await run.update(lambda state: state.run(ran))
    if left := await run.ports.engine.sweep():
        run.say(f"{step.name}: removed what an earlier run left: {', '.join(left)}")
    definition, service = steps.definition_of(run), run.stack.service_of(command.service, run.target)
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
