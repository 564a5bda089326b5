"""What a rollout of a tag would do."""

from typing import Any

from app.domain.errors import AdoptionRefused, GitFailed
from app.domain.policy import not_newer
from app.domain.release import LiveRelease, new_rollout_id
from app.domain.stack import BeforeFlip, Color, Singleton, Stack
from app.domain.state import State
from workers.adoption import adopt
from workers.ports import Comparison, Difference, Ports, Stamp
from workers.rollout import preflight
from workers.rollout.preflight import GB

Plan = dict[str, Any]


async def plan(stack: Stack, ports: Ports, tag: str) -> Plan:
    """The plan, as plain JSON values. The tag is fetched and checked out, and nothing that runs is touched.

    Raises TagNotFound, TagMoved, SignatureRefused, SignatureUnchecked, GitFailed, ComposeInvalid.
    """
    state, room = ports.journal.state, ports.room()
    sha = await ports.source.fetch(tag)
    tree = await ports.source.checkout(sha)
    live = state.current.sha if state.current else None
    compared = await ports.engine.compare(tree, Stamp(tag, sha, new_rollout_id()), live)
    target = state.active_color.other if state.active_color else Color.BLUE
    differing = {d.service: await _differs(ports, d, live, sha) for d in compared.moved}
    refused = await _adoption_refused(stack, ports)
    blocked = [*refused, *_blocked(state, tag), *await preflight.problems(stack, ports, room)]
    singletons = [_singleton(s, compared, differing) for s in stack.singletons]
    return {
        "tag": tag,
        "sha": sha,
        "current": _shown(state.current),
        "adoption_refused": "; ".join(refused) or None,
        "target_color": target,
        "images": [_image(d, differing[d.service]) for d in compared.moved if d.service in stack.services(target)],
        "starts": [s.colors[target] for s in stack.routed],
        "stops": [s.colors[state.active_color] for s in stack.routed] if state.active_color else [],
        "singletons": singletons,
        "route": {"from": state.active_color, "to": target, "routers": [f"updater-{s.name}" for s in stack.routed]},
        "environment_changes": [_environment(d) for d in compared.moved if d.added or d.removed or d.changed],
        "retired": list(compared.retired),
        "not_applied": [{"service": name, "reason": reason} for name, reason in compared.others],
        "disk": {"free_bytes": room.disk, "needed_bytes": round(stack.needs.disk_gb * GB)},
        "would_start": not blocked,
        "blocked_by": blocked,
        "before_flip": [
            _command(step.name, command, state, sha) for step, command in stack.before_flip_steps().items()
        ],
        "rollback": "never" if compared.one_way else "allowed",
        "warnings": _warnings(compared, tag),
    }


async def _adoption_refused(stack: Stack, ports: Ports) -> list[str]:
    """Why what serves is not adopted; empty if it is, or if nothing serves."""
    if not ports.journal.state.nothing_is_known_live:
        return []
    try:
        await adopt.look(stack, ports)
    except AdoptionRefused as refused:
        return [str(refused)]
    return []


async def _differs(ports: Ports, difference: Difference, old: str | None, new: str) -> bool:
    """Whether what the service's image is built from differs from the live release's; what cannot be told does."""
    if difference.context is None:
        return bool(difference.redefined)
    try:
        return old is None or await ports.source.differs(old, new, difference.context)
    except GitFailed:
        return True


def _image(difference: Difference, differs: bool) -> Plan:
    if difference.context is None:
        reason = "it is fetched, not built"
    else:
        reason = f"{difference.context} {'changed' if differs else 'is as it was: the build comes from the cache'}"
    builds = difference.context is not None
    return {"service": difference.service, "image": difference.image, "builds": builds, "reason": reason}


def _singleton(singleton: Singleton, compared: Comparison, differing: dict[str, bool]) -> Plan:
    difference = next(d for d in compared.moved if d.service == singleton.service)
    if difference.redefined is None:
        restarts, reason = True, "it starts for the first time"
    elif difference.redefined:
        restarts, reason = True, "its definition changed"
    elif differing[difference.service]:
        restarts, reason = True, f"{difference.context} changed"
    else:
        restarts, reason = False, "nothing about it changed"
    return {"name": singleton.name, "service": singleton.service, "restarts": restarts, "reason": reason}


def _environment(difference: Difference) -> Plan:
    names = {"added": difference.added, "removed": difference.removed, "changed": difference.changed}
    return {"service": difference.service, **{key: list(value) for key, value in names.items()}}


def _blocked(state: State, tag: str) -> list[str]:
    found = []
    if state.paused:
        found.append(f"paused: {state.pause_reason}")
    if state.current and not_newer(tag, state.current.tag):
        found.append(f"{tag} is not newer than the live {state.current.tag}: it would need force")
    if state.rollout:
        found.append(f"{state.rollout.release.tag} is being rolled out: it would wait for that, or take its place")
    return found


def _command(name: str, command: BeforeFlip, state: State, sha: str) -> Plan:
    """`runs` is False where it has succeeded for this commit before."""
    before = state.ran_for(sha, command.service, command.command)
    runs = before is None or not before.completed
    shown = {"service": command.service, "command": list(command.command), "limit": command.limit}
    return {"step": name, **shown, "runs": runs}


def _warnings(compared: Comparison, tag: str) -> list[str]:
    found = []
    if compared.others:
        names = ", ".join(name for name, _ in compared.others)
        found.append(
            f"the release also changes {names}: that is not applied by itself. Do it by hand, before or after."
        )
    if compared.own:
        names = ", ".join(compared.own)
        found.append(f"the release also changes {names}: the updater replaces itself when the release is live.")
    if compared.retired:
        names = ", ".join(compared.retired)
        found.append(
            f"{tag} still has {names}, which stack.yml retires: not built, started or published. Delete it there."
        )
    if compared.one_way:
        found.append(
            f"{tag} cannot be rolled back (updater.rollback: never): from its flip on your traffic stays on it, well "
            "or not, until a release that fixes it."
        )
    return found


def _shown(live: LiveRelease | None) -> Plan | None:
    return {"tag": live.tag, "sha": live.sha, "adopted": live.adopted} if live else None
