"""`updater rollback`: what would come back, as text."""

from collections.abc import Iterator

from app.api.rollback_plan import RollbackPlan
from app.cli.views.text import plain, release


def rollback_plan_lines(plan: RollbackPlan) -> Iterator[str]:
    live = f" would replace {release(plan.current.tag, plan.current.sha)}" if plan.current else " would go live"
    yield f"{release(plan.tag, plan.sha)}{live}, on {plain(plan.target_color)}, without a build."
    yield from lacks_lines(plan)
    if plan.blocked_by:
        yield f"It would be refused now: {'; '.join(plain(text).rstrip('.') for text in plan.blocked_by)}."
    yield from changed_lines(plan) or ["It starts with the values that your files have today."]
    yield "This is a plan: nothing was changed."


def lacks_lines(plan: RollbackPlan) -> list[str]:
    """What of the live release the kept one does not have; empty if nothing."""
    names = ", ".join(map(plain, plan.lacks))
    lost = "while it is live, they have no route, and their containers stop"
    return [f"{plain(plan.tag)} lacks {names}: {lost}."] if names else []


def changed_lines(plan: RollbackPlan) -> list[str]:
    """What the kept release would not get from today's files; empty if it would get everything."""
    if plan.changed_unknown:
        return [f"Whether it starts with the values of today's files is not known: {plain(plan.changed_unknown)}."]
    if not plan.changed_values:
        return []
    found = [f"  {plain(each.service)}: {', '.join(map(plain, each.names))}" for each in plan.changed_values]
    return [
        f"{plain(plan.tag)} starts with the values of its own rollout. Today's files have others (names only):",
        *found,
        "`updater rollback --current-env` starts it with today's.",
    ]
