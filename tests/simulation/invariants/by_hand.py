"""What must hold for what operators did by hand."""

from app.domain.step import StepKind
from tests.simulation.invariants.checks import asked, on_effect
from tests.simulation.observation.observed import Observed


@asked(on_effect)
def a_renamed_singleton_never_runs_twice(seen: Observed, effect: str) -> str | None:
    """[B] Also under two Compose services, only one copy of a singleton runs."""
    for name, services in seen.singletons.items():
        running = {service: seen.world.engine.running(service) for service in sorted(services)}
        if sum(map(len, running.values())) > 1:
            return f"{effect}: {name} runs as {running}"
    return None


@asked(on_effect)
def a_bot_that_an_operator_stopped_stays_stopped(seen: Observed, effect: str) -> str | None:
    """[B] It may run elsewhere. Only a hand-over, or its undo, starts one again.

    A lost state file may have had the only record of a hand-over.
    """
    if not seen.stopped_by_hand or not effect.startswith("start "):
        return None
    services = [service for named in seen.singletons.values() for service in named]
    containers = [c for service in services for c in seen.world.engine.containers(service)]
    started = [c for c in containers if c.id in seen.stopped_by_hand and c.runs(seen.now)]
    seen.stopped_by_hand -= {container.id for container in started}
    if not started or seen.happened["state_damaged"] or seen.happened["state_removed"]:
        return None
    rollout = seen.state.rollout
    if rollout is not None and any(step.id.kind is StepKind.RESTART for step in rollout.steps):
        return None
    return f"{started[0].service} of {started[0].stamp.release} starts, but an operator had stopped it"
