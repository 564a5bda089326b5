"""`updater plan`: the plan as text."""

from collections.abc import Iterator, Sequence

from app.api.plan import (
    EnvironmentChange,
    Plan,
    PlannedCommand,
    PlannedCopies,
    PlannedDisk,
    PlannedFile,
    PlannedFollower,
    PlannedImage,
    PlannedNetwork,
    PlannedRoute,
    PlannedSingleton,
)
from app.cli.views.text import plain, release, size


def plan_lines(plan: Plan) -> Iterator[str]:
    """The verdict first, then what would change, what would not be applied, and the warnings."""
    yield _headline(plan)
    yield _verdict(plan)
    for title, lines in _sections(plan):
        if lines:
            yield ""
            yield title
            yield from (f"  {line}" for line in lines)
    yield ""
    yield "This is a plan: nothing was changed."


def _headline(plan: Plan) -> str:
    live, new = plan.current, release(plan.tag, plan.sha)
    if plan.adoption_refused:
        return f"{new} cannot go live yet: the updater has not taken over the running stack."
    if live is None:
        return f"{new} would be the first live release, on {plain(plan.target_color)}."
    if live.sha and live.sha == plan.sha:
        return f"{new} is already live; it would be rolled out again, on {plain(plan.target_color)}."
    before = ", which was running before the updater" if live.adopted else ""
    return f"{new} would replace {release(live.tag, live.sha)}{before}, on {plain(plan.target_color)}."


def _verdict(plan: Plan) -> str:
    if plan.would_start:
        return "It would start now."
    reasons = "; ".join(plain(text).rstrip(".") for text in plan.blocked_by)
    return f"It would NOT start now: {reasons or 'no reason given'}. Your traffic is not affected."


def _sections(plan: Plan) -> Iterator[tuple[str, Sequence[str]]]:
    yield "Images", [*_images(plan.images, builds=True), *_images(plan.images, builds=False)]
    yield "Services", list(_services(plan))
    yield "Before the flip, in the new images", [_command(each) for each in plan.before_flip]
    yield "Route", list(_route(plan.route))
    yield "Networks", [_network(each) for each in plan.networks]
    yield "Bots and other singletons", [_singleton(each) for each in plan.singletons]
    yield "Followers", [_follower(each) for each in plan.followers]
    yield "Environment (names only)", [_environment(each) for each in plan.environment_changes]
    yield (
        "Changed by this release but NOT applied: the updater does not update these",
        [f"{plain(each.service)}: {plain(each.reason)}" for each in plan.not_applied],
    )
    yield "Files", [*_files(plan.files, "release"), *_files(plan.files, "live")]
    yield "Disk", list(_disk(plan.disk))
    yield "Warnings", [plain(text) for text in plan.warnings]


def _images(images: Sequence[PlannedImage], *, builds: bool) -> Iterator[str]:
    word = "build" if builds else "keep "
    for image in images:
        if image.builds is builds:
            reason = f"  ({plain(image.reason)})" if image.reason else ""
            yield f"{word}  {plain(image.service)}: {plain(image.image)}{reason}"


def _services(plan: Plan) -> Iterator[str]:
    if plan.starts:
        copies = {each.service: _copies(each) for each in plan.copies}
        yield f"start  {', '.join(plain(name) + copies.get(name, '') for name in plan.starts)}"
    if plan.stops:
        yield f"stop   {', '.join(map(plain, plan.stops))}, after the bake and the drain; kept for a rollback"


def _copies(each: PlannedCopies) -> str:
    """How many copies start, if that is not one as before."""
    if each.copies == 1 and each.before in {None, 1}:
        return ""
    before = f", {each.before} before" if each.before not in {None, each.copies} else ""
    return f" ({each.copies} {'copy' if each.copies == 1 else 'copies'}{before})"


def _route(route: PlannedRoute | None) -> Iterator[str]:
    if route:
        routers = ", ".join(map(plain, route.routers))
        yield f"{plain(route.from_ or 'nothing')} → {plain(route.to)} in one step: {routers}"


def _network(each: PlannedNetwork) -> str:
    return f"the worker asks {plain(each.service)} in {plain(each.network)}: {plain(each.reason)}"


def _command(each: PlannedCommand) -> str:
    limit = f"at most {each.limit:g} s" if each.runs else "skipped: it already succeeded for this commit"
    return f"{plain(each.service)}: {' '.join(map(plain, each.command)) or 'its own command'} ({limit})"


def _singleton(each: PlannedSingleton) -> str:
    word = "restarts: for a moment none runs, never two" if each.restarts else "is not restarted"
    reason = f" ({plain(each.reason)})" if each.reason else ""
    return f"{plain(each.name)} {word}{reason}"


def _follower(each: PlannedFollower) -> str:
    word = "is replaced: new copies start before the old ones stop" if each.replaced else "is not replaced"
    copies = f" ({each.copies} copies)" if each.copies != 1 else ""
    reason = f" ({plain(each.reason)})" if each.reason else ""
    return f"{plain(each.name)}{copies} {word}{reason}"


def _environment(each: EnvironmentChange) -> str:
    parts = (("added", each.added), ("removed", each.removed), ("changed", each.changed))
    changes = "; ".join(f"{word} {', '.join(map(plain, names))}" for word, names in parts if names)
    return f"{plain(each.service)}: {changes}"


def _files(files: Sequence[PlannedFile], origin: str) -> Iterator[str]:
    """The paths of `origin`, each once, with the services that use it. `live`: from the operator's live directory."""
    services: dict[str, list[str]] = {}
    for each in files:
        if each.origin == origin:
            services.setdefault(each.path, []).append(each.service)
    for path, names in services.items():
        yield f"{plain(origin):<7}  {plain(path)} ({', '.join(map(plain, dict.fromkeys(names)))})"


def _disk(disk: PlannedDisk | None) -> Iterator[str]:
    if disk:
        short = "" if disk.free_bytes >= disk.needed_bytes else ": NOT enough"
        yield f"needs {size(disk.needed_bytes)}, {size(disk.free_bytes)} are free{short}"
