"""The identities of a rollout's steps. Their order and limits are in workers/rollout/pipeline.py."""

from dataclasses import dataclass
from enum import StrEnum


class StepKind(StrEnum):
    """What a step does. The value is the step's name, or the prefix of the name if the step has a subject."""

    PREFLIGHT = "preflight"
    RECALL = "recall_release"
    FETCH = "git_fetch_tags"
    CHECKOUT = "git_checkout_tag"
    BUILD = "docker_build"
    BEFORE_FLIP = "before_flip"
    START = "start"
    HEALTH = "health"
    ROUTE_SWITCH = "route_switch"
    HEALTH_ROUTED = "health_routed"
    RESTART = "restart"
    FOLLOW = "follow"
    BAKE = "bake"
    STOP_OLD_COLOR = "stop_old_color"
    PRUNE = "prune"
    RESUME = "resume_check"
    DISCARD = "discard"
    ROLLBACK_ROUTE = "rollback_route"
    ROLLBACK_SINGLETON = "rollback"
    ROLLBACK_FOLLOWER = "rollback_follow"
    ROLLBACK_STOP = "rollback_stop"


@dataclass(frozen=True)
class StepId:
    """One step of a rollout. `subject` is its service, singleton, follower or command, if any.

    `name` is for people and for the API. It is not an identity: a singleton may be called `route`.
    """

    kind: StepKind
    subject: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.subject}" if self.subject else str(self.kind)


_LONGEST_FIRST = sorted(StepKind, key=lambda kind: -len(kind))


def step_named(name: str) -> StepId:
    """The step called `name` in a state file from before version 0.1.0. Raises ValueError if there is none."""
    if name in set(StepKind):
        return StepId(StepKind(name))
    kind = next((kind for kind in _LONGEST_FIRST if name.startswith(f"{kind}_")), None)
    if kind is None:
        raise ValueError(f"no step is called {name}")
    return StepId(kind, name.removeprefix(f"{kind}_"))


PREFLIGHT = StepId(StepKind.PREFLIGHT)
ROUTE_SWITCH = StepId(StepKind.ROUTE_SWITCH)
"""The commit point: before it, nothing live was touched; from it on, a failure has to be undone."""

BAKE = StepId(StepKind.BAKE)
ROLLBACK_ROUTE = StepId(StepKind.ROLLBACK_ROUTE)
