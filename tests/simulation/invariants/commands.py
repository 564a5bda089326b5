"""What must hold for the commands before a flip: migrations and other one-shot jobs."""

from app.domain.rollout import RolloutStatus
from app.domain.stack import Color
from tests.simulation.invariants.checks import asked, on_effect, on_write
from tests.simulation.observation.observed import Observed, Write

RUN = "run "


@asked(on_effect)
def a_command_runs_as_often_as_it_was_begun(seen: Observed, effect: str) -> str | None:
    """[H] The engine runs no command more often than the worker began its step."""
    if not effect.startswith(RUN):
        return None
    seen.counts["commands run"] += 1
    begun, run = seen.counts["commands begun"], seen.counts["commands run"]
    return f"`{effect}` is run {run} of commands, but {begun} were begun" if run > begun else None


@asked(on_effect)
def no_command_runs_after_the_flip(seen: Observed, effect: str) -> str | None:
    """[H] A release's commands run before its flip. What is carried out late, from a killed worker, does not count."""
    rollout = seen.state.rollout
    if not effect.startswith(RUN) or rollout is None or not rollout.past_flip:
        return None
    return f"`{effect}`, but {rollout.id} is past its flip" if rollout.release.tag in effect.split() else None


@asked(on_write)
def a_success_ran_its_commands(seen: Observed, write: Write) -> str | None:
    """[H] When a rollout succeeds, each command of its release has run to its end."""
    before = write.before.rollout
    if before is None or write.after.rollout is not None or write.afresh or before.release.recall is not None:
        return None
    ended = next((r for r, _ in reversed(seen.world.publisher.kept) if r.id == before.id), None)
    if ended is None or ended.status is not RolloutStatus.SUCCESS:
        return None
    for command in seen.live_stack.before_flip:
        services = {seen.live_stack.service_of(command.service, color) for color in Color}
        ran = {" ".join(("ran", service, before.release.tag, *command.command)) for service in services}
        if ran.isdisjoint(seen.world.effects):
            return f"{before.id} succeeds, but its command in {command.service} never ran to its end"
    return None
