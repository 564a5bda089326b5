"""What a rollout of a tag would do."""

from collections.abc import Iterator

from app.api.plan import (
    EnvironmentChange,
    NotApplied,
    Plan,
    PlannedCommand,
    PlannedCopies,
    PlannedDisk,
    PlannedFile,
    PlannedFollower,
    PlannedFrom,
    PlannedImage,
    PlannedNetwork,
    PlannedRoute,
    PlannedSingleton,
)
from app.domain.acceptance.withdrawn import warning_of
from app.domain.errors import AdoptionRefused, GitFailed, TagInvalid
from app.domain.ran import Ran
from app.domain.release import LiveRelease, new_rollout_id
from app.domain.release_stack import lacking
from app.domain.routing.networks import short
from app.domain.stack import BeforeFlip, Color, Follower, RoutedService, Singleton, Stack
from app.domain.state import State
from app.domain.tags import DatedTag, TagRule
from workers.adoption import adopt, drift
from workers.inspect.publication import Publication
from workers.ports import Comparison, Difference, Ports, Stamp
from workers.rollout.checks.reach import out_of_reach
from workers.rollout.steps import preflight
from workers.rollout.steps.preflight import GB


async def plan(
    stack: Stack, ports: Ports, tag: str, publication: Publication | None = None, *, checks: str | None = None
) -> Plan:
    """What a rollout of `tag` would do. Fetches and checks out the tag, and touches nothing that runs.

    `publication`: if the stack's order depends on it. `checks`: why a release from GitHub would wait for its checks.

    Raises TagNotFound, TagMoved, SignatureRefused, SignatureUnchecked, GitFailed, ComposeInvalid.
    """
    state, room = ports.journal.state, ports.room()
    sha = await ports.source.fetch(tag)
    tree = await ports.source.checkout(sha)
    live = state.current.sha if state.current else None
    compared = await ports.engine.compare(tree, Stamp(tag, sha, new_rollout_id()), live)
    target = state.active_color.other if state.active_color else Color.BLUE
    differing = {d.service: await _differs(ports, d, live, sha) for d in compared.moved}
    refused, doubts = await _adoption(stack, ports)
    blocked = [
        *refused,
        *compared.problems,
        *_forbidden(compared),
        *await out_of_reach(stack, ports, target, compared.unreached),
        *_unordered(tag, publication, stack.tags),
        *_blocked(state, DatedTag(tag, publication.at if publication else None), stack.tags),
        *await preflight.problems(stack, ports, room),
    ]
    part = await drift.live_stack(stack, ports)
    before, images = state.active_color, [d for d in compared.moved if d.service in stack.built(target)]
    return Plan(
        tag=tag,
        sha=sha,
        current=_live(state.current),
        adoption_refused="; ".join(refused) or None,
        target_color=target,
        images=tuple(_image(d, differing[d.service]) for d in images),
        starts=tuple(s.colors[target] for s in stack.routed),
        stops=tuple(s.colors[before] for s in part.routed) if before else (),
        singletons=tuple(_singleton(s, compared, differing) for s in stack.singletons),
        followers=tuple(_follower(f, compared, differing) for f in stack.followers),
        route=PlannedRoute(from_=before, to=target, routers=tuple(f"updater-{s.name}" for s in stack.routed)),
        environment_changes=tuple(_environment(d) for d in compared.moved if d.added or d.removed or d.changed),
        retired=tuple(compared.retired),
        not_applied=tuple(NotApplied(service=name, reason=reason) for name, reason in compared.others),
        disk=PlannedDisk(free_bytes=room.disk, needed_bytes=round(stack.needs.disk_gb * GB)),
        would_start=not blocked,
        blocked_by=tuple(blocked),
        before_flip=tuple(
            _command(step.name, each, state.ran_before(Ran.of(sha, each, stack)))
            for step, each in stack.before_flip_steps().items()
        ),
        rollback="never" if compared.one_way else "allowed",
        warnings=(
            *doubts,
            *_grown(stack, part, state.current, tag),
            *_warnings(compared, tag),
            *([checks] if checks else []),
            *warning_of(state, tag),
        ),
        copies=tuple(_copies(s, target, compared, state) for s in stack.routed),
        files=tuple(PlannedFile(path=f.path, origin=f.origin, service=f.service, key=f.key) for f in compared.files),
        networks=tuple(_networks(stack, compared, target)),
    )


async def _adoption(stack: Stack, ports: Ports) -> tuple[list[str], tuple[str, ...]]:
    """Why the running stack cannot be adopted, and the warnings if it can; empty if it is already, or nothing runs."""
    if not ports.journal.state.nothing_is_known_live:
        return [], ()
    try:
        found = await adopt.look(stack, ports)
    except AdoptionRefused as refused:
        return [str(refused)], ()
    return [], found.warnings if found else ()


async def _differs(ports: Ports, difference: Difference, old: str | None, new: str) -> bool:
    """Whether the service's build context differs from the live release's. If unknown, it counts as different."""
    if difference.context is None:
        return bool(difference.redefined)
    try:
        return old is None or await ports.source.differs(old, new, difference.context)
    except GitFailed:
        return True


def _image(difference: Difference, differs: bool) -> PlannedImage:
    if difference.context is None:
        reason = "it is pulled, not built"
    else:
        reason = f"{difference.context} {'changed' if differs else 'is unchanged: the build uses the cache'}"
    builds = difference.context is not None
    return PlannedImage(service=difference.service, image=difference.image, builds=builds, reason=reason)


def _copies(service: RoutedService, target: Color, compared: Comparison, state: State) -> PlannedCopies:
    difference = next(d for d in compared.moved if d.service == service.colors[target])
    before = state.current.copies.get(service.name) if state.current else None
    return PlannedCopies(service=difference.service, copies=difference.copies, before=before)


def _singleton(singleton: Singleton, compared: Comparison, differing: dict[str, bool]) -> PlannedSingleton:
    difference = next(d for d in compared.moved if d.service == singleton.service)
    restarts, reason = _replaced(difference, differing)
    return PlannedSingleton(name=singleton.name, service=singleton.service, restarts=restarts, reason=reason)


def _networks(stack: Stack, compared: Comparison, target: Color) -> Iterator[PlannedNetwork]:
    """Where the services of the new color would be asked, if they are in several networks."""
    for name in (service.colors[target] for service in stack.routed):
        choice = compared.networks.get(name)
        if choice is not None and choice.network is not None:
            yield PlannedNetwork(service=name, network=short(stack, choice.network), reason=choice.reason)


def _follower(follower: Follower, compared: Comparison, differing: dict[str, bool]) -> PlannedFollower:
    difference = next(d for d in compared.moved if d.service == follower.service)
    replaced, reason = _replaced(difference, differing)
    name, service, copies = follower.name, follower.service, difference.copies
    return PlannedFollower(name=name, service=service, copies=copies, replaced=replaced, reason=reason)


def _replaced(difference: Difference, differing: dict[str, bool]) -> tuple[bool, str]:
    """Whether the service gets a new container, and why."""
    if difference.redefined is None:
        return True, "it starts for the first time"
    if difference.redefined:
        return True, "its definition changed"
    if differing[difference.service]:
        return True, f"{difference.context} changed"
    return False, "nothing about it changed"


def _environment(difference: Difference) -> EnvironmentChange:
    return EnvironmentChange(
        service=difference.service,
        added=tuple(difference.added),
        removed=tuple(difference.removed),
        changed=tuple(difference.changed),
    )


def _unordered(tag: str, publication: Publication | None, rule: TagRule) -> list[str]:
    try:
        rule.check(tag)
    except TagInvalid as problem:
        return [str(problem)]
    return [publication.unknown] if publication and publication.unknown else []


def _blocked(state: State, new: DatedTag, rule: TagRule) -> list[str]:
    found, live = [], state.current
    if state.paused:
        found.append(f"paused: {state.pause_reason}")
    if live and rule.read(new) and rule.not_newer(new, live.dated):
        found.append(f"{new.tag} is not newer than the live {live.tag}: it needs force")
    if state.rollout:
        found.append(f"{state.rollout.release.tag} is being rolled out: this release would wait for it, or replace it")
    return found


def _forbidden(compared: Comparison) -> list[str]:
    """What the release may not use. Force does not help."""
    remedy = "Remove that from the release's Compose file, or permit it in policy/forbid of the stack file"
    return [f"policy_refused: {', '.join(compared.forbidden)}. {remedy}"] if compared.forbidden else []


def _command(name: str, command: BeforeFlip, before: Ran | None) -> PlannedCommand:
    return PlannedCommand(
        step=name,
        service=command.service,
        command=tuple(command.command),
        limit=command.limit,
        runs=before is None or not before.completed,
    )


def _warnings(compared: Comparison, tag: str) -> list[str]:
    found = []
    if compared.others:
        names = ", ".join(name for name, _ in compared.others)
        found.append(
            f"the release also changes {names}: the updater does not apply that. Apply it by hand, before or after."
        )
    if compared.own:
        names = ", ".join(compared.own)
        found.append(f"the release also changes {names}: the updater replaces itself when the release is live.")
    if compared.retired:
        names = ", ".join(compared.retired)
        found.append(
            f"{tag} still has {names}, which stack.yml retires: not built, started or published. Delete it in {tag}."
        )
    found += [*compared.callers, *compared.warnings]
    if compared.one_way:
        found.append(
            f"{tag} cannot be rolled back (updater.rollback: never): after its flip, traffic stays on it, healthy "
            "or not, until a release fixes it."
        )
    return found


def _grown(stack: Stack, part: Stack, live: LiveRelease | None, tag: str) -> list[str]:
    """What `tag` adds. `part`: the stack as the live release has it."""
    if live is None or not (new := lacking(stack, part)):
        return []
    return [
        f"{live.tag} does not have {', '.join(new)}, which {tag} adds. A rollback to {live.tag} removes their routes "
        "and stops their containers."
    ]


def _live(live: LiveRelease | None) -> PlannedFrom | None:
    return PlannedFrom(tag=live.tag, sha=live.sha, adopted=live.adopted) if live else None
