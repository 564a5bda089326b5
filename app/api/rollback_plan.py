"""What a rollback would bring back."""

from app.api.model import ResponseModel
from app.api.plan import PlannedFrom


class ChangedValues(ResponseModel):
    """`service` would start with other values than the operator's files have today. Only names, never values."""

    service: str = ""
    names: tuple[str, ...] = ()


class RollbackPlan(ResponseModel):
    """The kept release `tag` would replace `current`, on `target_color`.

    `lacks`: the routed services and singletons of `current` that it does not have: they lose their route and stop.
    `changed_values`: what of today's env files it would not get. `changed_unknown`: why that is not known.
    `blocked_by`: why the rollback would be refused.
    """

    tag: str = ""
    sha: str = ""
    current: PlannedFrom | None = None
    target_color: str = ""
    lacks: tuple[str, ...] = ()
    changed_values: tuple[ChangedValues, ...] = ()
    changed_unknown: str | None = None
    would_start: bool = False
    blocked_by: tuple[str, ...] = ()
