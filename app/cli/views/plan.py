"""`updater plan`: the plan as text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.cli.views.text import plain, release, size

Json = Mapping[str, Any]


def plan_lines(plan: Json) -> Iterator[str]:
    """The verdict first, then what would change, then what would not, then what to look at."""
    yield _headline(plan)
    yield _verdict(plan)
    for title, lines in _sections(plan):
        if lines:
            yield ""
            yield title
            yield from (f"  {line}" for line in lines)
    yield ""
    yield "This is a plan: nothing was changed."


def _headline(plan: Json) -> str:
    current = plan.get("current") or {}
    new = release(plan.get("tag"), plan.get("sha"))
    if plan.get("adoption_refused"):
        return f"{new} cannot go live yet: the updater has not taken over the stack that serves now."
    if not current:
        return f"{new} would be the first release that is live here, on {plain(plan.get('target_color'))}."
    old = release(current.get("tag"), current.get("sha"))
    if current.get("sha") and current.get("sha") == plan.get("sha"):
        return f"{new} is what is live already; it would be made live anew, on {plain(plan.get('target_color'))}."
    before = ", which ran before the updater did" if current.get("adopted") else ""
    return f"{new} would take the place of {old}{before}, on {plain(plan.get('target_color'))}."


def _verdict(plan: Json) -> str:
    if plan.get("would_start"):
        return "It would start now."
    reasons = "; ".join(plain(text).rstrip(".") for text in plan.get("blocked_by") or ())
    return f"It would NOT start now: {reasons or 'no reason was given'}. Traffic stays where it is."


def _sections(plan: Json) -> Iterator[tuple[str, Sequence[str]]]:
    images = plan.get("images") or ()
    yield "Images", [*_images(images, builds=True), *_images(images, builds=False)]
    yield "Services", list(_services(plan))
    yield "Before the flip, in the new images", [_command(each) for each in plan.get("before_flip") or ()]
    yield "Route", list(_route(plan.get("route") or {}))
    yield "Bots and other singletons", [_singleton(each) for each in plan.get("singletons") or ()]
    yield "Environment (names only)", [_environment(each) for each in plan.get("environment_changes") or ()]
    yield (
        "Changed by this release and NOT applied: the updater does not move these",
        [f"{plain(each.get('service'))}: {plain(each.get('reason'))}" for each in plan.get("not_applied") or ()],
    )
    yield "Disk", list(_disk(plan.get("disk") or {}))
    yield "Look at", [plain(text) for text in plan.get("warnings") or ()]


def _images(images: Sequence[Json], *, builds: bool) -> Iterator[str]:
    word = "build" if builds else "keep "
    for image in images:
        if bool(image.get("builds")) is builds:
            reason = f"  ({plain(image['reason'])})" if image.get("reason") else ""
            yield f"{word}  {plain(image.get('service'))}: {plain(image.get('image'))}{reason}"


def _services(plan: Json) -> Iterator[str]:
    for word, key in (("start", "starts"), ("stop ", "stops")):
        if names := plan.get(key):
            after = ", after the bake and the drain; kept for a rollback" if key == "stops" else ""
            yield f"{word}  {', '.join(plain(name) for name in names)}{after}"


def _route(route: Json) -> Iterator[str]:
    if route:
        routers = ", ".join(plain(name) for name in route.get("routers") or ())
        yield f"{plain(route.get('from') or 'nothing')} → {plain(route.get('to'))} in one step: {routers}"


def _command(each: Json) -> str:
    words = " ".join(plain(word) for word in each.get("command") or ())
    limit = f"at most {float(each.get('limit') or 0):g} s"
    said = limit if each.get("runs") else "not again: it has succeeded for this commit before"
    return f"{plain(each.get('service'))}: {words} ({said})"


def _singleton(each: Json) -> str:
    word = "restarts: there is none for a moment, never two" if each.get("restarts") else "is not restarted"
    reason = f" ({plain(each['reason'])})" if each.get("reason") else ""
    return f"{plain(each.get('name'))} {word}{reason}"


def _environment(each: Json) -> str:
    parts = (
        f"{word} {', '.join(plain(name) for name in each[key])}"
        for word, key in (("new", "added"), ("gone", "removed"), ("changed", "changed"))
        if each.get(key)
    )
    return f"{plain(each.get('service'))}: {'; '.join(parts)}"


def _disk(disk: Json) -> Iterator[str]:
    if disk:
        needed, free = disk.get("needed_bytes") or 0, disk.get("free_bytes") or 0
        short = "" if free >= needed else ": NOT enough"
        yield f"needs {size(needed)}, {size(free)} are free{short}"
