"""Compares a release's model with the live release's: pure functions."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from app.domain.callers.advice import advise
from app.domain.release_stack import as_of, names_of
from app.domain.stack import Color, Stack
from workers.definition.environment import unmarked
from workers.definition.files.live_files import differing, recorded
from workers.definition.labels import DEFINITION_LABEL
from workers.definition.services.copies import copies_of
from workers.definition.services.retired import left_out, resources_of, without_retired
from workers.definition.services.roles import ROLLOUT_LABEL, roles_in
from workers.definition.transform import one_way
from workers.ports import Comparison, Difference

_JOB_NOW = "it only runs before the flip now: what runs of it is not stopped. `updater doctor` names it"
_LEFT = "no rollout replaces or stops its containers. `updater doctor` names those that run"


def compare(model: Mapping[str, Any], live: Mapping[str, Any] | None, stack: Stack, *, tree: str) -> Comparison:
    """Compares a release's transformed model with the live release's model (None: nothing is live)."""
    moved = stack.moved_services()
    services = model["services"]
    known = without_retired(live, stack, check=False) if live else {"services": {}}
    before = known["services"]
    own = stack.updater.services if stack.updater else ()
    roles = roles_in(known)
    part = as_of(stack, roles)
    ended = {name for name in stack.jobs if name in roles and not roles[name].job}
    was = {name: service for name, service in _names_before(stack, part).items() if service in before}
    names = sorted(({*services, *before} - {*moved, *part.moved_services()}) | ended) if live else ()
    roots = (tree, stack.directory)
    changed = [(name, why) for name in names if (why := _JOB_NOW if name in ended else _why(name, model, known, roots))]
    return Comparison(
        moved=tuple(_difference(name, services[name], before.get(was.get(name, "")), tree) for name in moved),
        others=tuple((name, why) for name, why in changed if name not in own),
        own=tuple(name for name, _ in changed if name in own),
        retired=left_out(model, stack),
        one_way=one_way(model, stack),
        callers=tuple(advice.text for advice in advise(model, stack)),
    )


def _names_before(stack: Stack, part: Stack) -> dict[str, str]:
    """What the live release calls each Compose service of the stack: `part` is the stack as that release has it."""
    then = {each.name: each for each in part.routed}
    routed = {s.colors[c]: then[s.name].colors[c] for s in stack.routed if s.name in then for c in Color}
    names, known = names_of(stack), names_of(part)
    alone = {known[service]: service for service in part.uncolored}
    uncolored = {service: alone[names[service]] for service in stack.uncolored if names[service] in alone}
    return {**routed, **uncolored, **{job: job for job in stack.jobs if job in part.jobs}}


def _difference(name: str, service: Mapping[str, Any], before: Mapping[str, Any] | None, tree: str) -> Difference:
    context = _below(service["build"]["context"], tree) if "build" in service else None
    difference = Difference(name, service["image"], context, copies=copies_of(service))
    if before is None or DEFINITION_LABEL not in (before.get("labels") or {}):
        return difference
    new, old = (_environment(s) for s in (service, before))
    return replace(
        difference,
        redefined=_redefined(service["labels"], before["labels"]),
        added=tuple(sorted(set(new) - set(old))),
        removed=tuple(sorted(set(old) - set(new))),
        changed=tuple(sorted(key for key in set(new) & set(old) if new[key] != old[key])),
    )


def _redefined(now: Mapping[str, str], before: Mapping[str, str]) -> bool:
    files, known = recorded(now), recorded(before)
    other_files = known is not None and bool(differing(known, files or {}))
    return other_files or now[DEFINITION_LABEL] != before[DEFINITION_LABEL]


def _environment(service: Mapping[str, Any]) -> Mapping[str, Any]:
    return service.get("environment") or {}


def _why(name: str, model: Mapping[str, Any], known: Mapping[str, Any], roots: tuple[str, str]) -> str | None:
    services, before = model["services"], known["services"]
    if name not in before:
        return "it is new"
    if ROLLOUT_LABEL in (before[name].get("labels") or {}):
        return f"the stack file no longer names it: {_LEFT}"
    if name not in services:
        return "it is gone from the release's file"
    if _unrooted(services[name], *roots) != _unrooted(before[name], *roots):
        return "its definition changed"
    now, then = (resources_of(each["services"][name], each) for each in (model, known))
    if changed := [key for key in now if unmarked(now[key]) != unmarked(then.get(key) or {})]:
        return f"{', '.join(changed)} changed, so it needs `docker compose up --detach --force-recreate {name}`"
    return None


def _unrooted(service: Mapping[str, Any], tree: str, live: str) -> Mapping[str, Any]:
    """The service with its build's paths relative to its own release: each release has another worktree."""
    if "build" not in service:
        return service
    contexts = service["build"].get("additional_contexts") or {}
    own = {"context": service["build"].get("context", ""), **{f"additional/{k}": v for k, v in contexts.items()}}
    inside = {key: _inside_release(str(value), tree, live) for key, value in own.items()}
    rest = {k: v for k, v in service["build"].items() if k not in {"context", "additional_contexts"}}
    return {**service, "build": {**rest, "contexts": inside}}


def _inside_release(path: str, tree: str, live: str) -> str:
    if (of_a_release := PurePosixPath(path)).is_relative_to(PurePosixPath(tree).parent):
        return PurePosixPath(*of_a_release.relative_to(PurePosixPath(tree).parent).parts[1:]).as_posix()
    return _below(path, live)


def _below(path: str, root: str) -> str:
    """`path` relative to `root`, if it is there; any other value (an image, a URL) is unchanged."""
    return PurePosixPath(path).relative_to(root).as_posix() if PurePosixPath(path).is_relative_to(root) else path
