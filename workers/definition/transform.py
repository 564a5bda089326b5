"""Turns a release's Compose model into the model that runs: pure functions."""

import copy
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from app.domain.callers.advice import advise
from app.domain.errors import ComposeInvalid
from app.domain.release_stack import as_of, brought_back, names_of
from app.domain.stack import Color, Stack
from workers.definition.colors import SINGLES, lead, with_colors
from workers.definition.copies import copies_of, with_copies
from workers.definition.environment import unmarked
from workers.definition.files.live_files import differing, recorded
from workers.definition.fingerprint import fingerprint, with_marks_of
from workers.definition.image_names import image_repository
from workers.definition.published import jobs_in, required, startable, without_jobs
from workers.definition.retired import left_out, resources_of, uses_of, without_retired
from workers.definition.roles import COLOR_LABEL, JOB_LABEL, NAME_LABEL, ROLLOUT_LABEL, kind_labels, roles_in
from workers.ports import Comparison, Difference, Stamp

STACK_LABEL = "updater.stack"
RELEASE_LABEL = "updater.release"
SHA_LABEL = "updater.sha"
DEFINITION_LABEL = "updater.definition"
SHA_LENGTH = 12
ONCE_LABEL = "updater.once"
"""Label of a container that runs a before_flip command; the value is the run's name."""

ROLLBACK_LABEL = "updater.rollback"
"""A label that a release may set on any moved service: `never` if it cannot be rolled back, else `allowed`."""

UNLESS_STOPPED = "unless-stopped"
JOB_PROFILE = "updater-job"
_LIVE = "x-updater-live"
FOUND = "x-updater-found"
"""The services of an adopted release as they ran: Compose would create containers by the transformed ones again."""

_JOB_NOW = "it only runs before the flip now: what runs of it is not stopped. `updater doctor` names it"
_LEFT = "no rollout replaces or stops its containers. `updater doctor` names those that run"

Model = dict[str, Any]


def image_name(project: str, service: str, sha: str) -> str:
    """`<project>-<service>:<sha12>`."""
    return f"{image_repository(project, service)}:{sha[:SHA_LENGTH]}"


def transform(model: Mapping[str, Any], stack: Stack, stamp: Stamp) -> Model:
    """The model that runs for the release `stamp`, made from the output of `compose config` for its files.

    For the services that the updater moves: images get the release's own name, the updater's labels are added,
    `restart: always` becomes `unless-stopped`, also in `deploy/restart_policy`, which Compose prefers (a stopped color
    or bot must stay stopped when the engine restarts), and the `container_name` of a singleton or follower becomes an
    alias. The stack file's retired services are removed, and a service that colors are made from becomes both.
    Everything else is unchanged.
    Raises ComposeInvalid if a service of the stack file is missing or is no container, if a service cannot run without
    a retired one, or if there is a service with the name of a color that is made.
    """
    result = without_retired(model, stack)
    _check_moved(result.get("services") or {}, stack)
    result = with_colors(result, stack)
    services = result["services"]
    for name, color in stack.moved_services().items():
        services[name] = _service(services[name], name, stack, stamp, result)
        if color is None:
            services[name] = _unnamed(services[name])
        else:
            services[name]["labels"][COLOR_LABEL] = str(color)
        if name in stack.jobs:
            services[name]["labels"][JOB_LABEL] = "true"
        services[name]["labels"].update(kind_labels(stack).get(name, {}))
    return result


def _check_moved(services: Mapping[str, Any], stack: Stack) -> None:
    written = stack.written_services()
    if missing := sorted(set(written) - set(services)):
        raise ComposeInvalid(
            f"it has no service {', '.join(missing)}, but the stack file names it. Traffic is unchanged. Add it to the "
            "release's Compose files, or remove it from the stack file"
        )
    own = stack.updater.services if stack.updater else ()
    if programs := sorted(name for name in (*written, *own) if "provider" in services.get(name, {})):
        raise ComposeInvalid(
            f"{', '.join(programs)} has a `provider`: Compose would run a program of this machine, not a container"
        )


def restamp(model: Mapping[str, Any], stack: Stack, stamp: Stamp) -> Model:
    """A transformed model, relabelled for another rollout of the same release. Raises ComposeInvalid.

    What the stack file calls a singleton now becomes one: it has one copy from then on.
    """
    result = without_retired(model, stack)
    roles = roles_in(result)
    part = brought_back(stack, roles)
    for single in (s.service for s in part.singletons if s.service in roles):
        result["services"][single] = with_copies(result["services"][single], 1)
    for name in (name for name in part.moved_services() if name in roles):
        service = result["services"][name]
        labels = service["labels"]
        labels[ROLLOUT_LABEL] = stamp.rollout
        labels.update(kind_labels(part).get(name, {}))
        labels[DEFINITION_LABEL] = with_marks_of(labels[DEFINITION_LABEL], service, result)
    return result


def as_it_runs(
    model: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    stack: Stack,
    color: Color,
    uncolored: Mapping[str, str | None],
    *,
    sha: str,
    singles: Collection[str] = (),
    found: Collection[str] = (),
) -> Model:
    """`model`, live on `color`, in the form that a plain `docker compose up` can apply without changing what runs.

    The idle color gets its own profile, because it does not run and its images may be missing. Services that need it
    need the live color instead. Services that the release moved and that the stack file no longer names get that
    profile too. Jobs get one, because a rollout has run them: see `without_jobs`. Live services have no profile, even
    if the release's file gives them one. A singleton has one copy: it may have been a follower. A singleton or
    follower that another rollout started (`uncolored`: service → rollout id) keeps that rollout's definition from
    `before`. The updater's own services keep theirs from `before` too, because they keep running. `singles`: live
    colors that are the one container of a service from before its colors were made; that service stays as it was, in
    place of both. `found`: services of an adopted release whose containers run as they were found; they stay so too.
    `release_in` reads `sha` and `color` from the result.
    """
    before = before or {"services": {}}
    of_now = {
        service
        for service, rollout in uncolored.items()
        if rollout and before["services"].get(service, {}).get("labels", {}).get(ROLLOUT_LABEL) == rollout
    }
    own = stack.updater.services if stack.updater else ()
    result = with_services(model, before, [*sorted(of_now), *own])
    part = as_of(stack, roles_in(model))
    written = {made: name for name, made in part.singles().items() if made in singles}
    others = {r.made_from: r.colors[color] for r in part.routed if r.made_from and r.made_from not in written.values()}
    for name in written.values():
        result["services"][name] = result[SINGLES][name]
        lead(result["services"][name], others, {}, keep_links=True)
    result.pop(SINGLES, None)
    result["services"] |= {name: copy.deepcopy(result[FOUND][name]) for name in found}
    result.pop(FOUND, None)
    idle: dict[str, str] = {}
    for routed in part.routed:
        active = routed.colors[color]
        idle |= {routed.colors[color.other]: written.get(active, active)}
        idle |= {active: written[active]} if active in written else {}
    live = [n for n in {*part.services(color), *idle.values()} - {*idle} if n in result["services"]]
    for name in live:
        result["services"][name].pop("profiles", None)
    for name in (s.service for s in part.singletons if s.service in result["services"]):
        result["services"][name] = with_copies(result["services"][name], 1)
    result[_LIVE] = {"sha": sha, "color": str(color)}
    jobs = jobs_in(result, part.jobs, {*stack.jobs} - {*live})
    left = {name: None for name in (*roles_in(result), *jobs) if name not in {*live, *own}}
    result = startable(without_jobs(result, jobs), {**left, **idle})
    for name in jobs:
        result["services"][name]["profiles"] = [JOB_PROFILE]
    return result


def release_in(model: Mapping[str, Any] | None) -> tuple[str, Color] | None:
    """The SHA and color that `as_it_runs` wrote; None if the model has none, or none that can be read."""
    match (model or {}).get(_LIVE):
        case {"sha": str(sha), "color": str(color)} if color in list(Color):
            return sha, Color(color)
    return None


def with_services(model: Mapping[str, Any], other: Mapping[str, Any], names: Iterable[str]) -> Model:
    """`model` with those services `names` that `other` has, as defined there, and what they cannot run without."""
    result: Model = copy.deepcopy(dict(model))
    left = [name for name in names if name in other["services"]]
    while left:
        name = left.pop(0)
        service = result["services"][name] = copy.deepcopy(other["services"][name])
        missing_ones = {n for n in required(service) if n in other["services"] and n not in result["services"]}
        left += sorted(missing_ones - set(left))
        if waits := service.get("depends_on"):
            known = {*result["services"], *left}
            service["depends_on"] = {key: how for key, how in waits.items() if key in known}
        for part, needed in uses_of(service).items():
            there = other.get(part) or {}
            missing = {key: there[key] for key in needed if key in there and key not in (result.get(part) or {})}
            if missing:
                result[part] = {**(result.get(part) or {}), **copy.deepcopy(missing)}
    return result


def one_way(model: Mapping[str, Any], stack: Stack) -> bool:
    """Whether the release declares in a service that it cannot be rolled back. Raises ComposeInvalid."""
    services = model["services"]
    moved = [name for name in dict.fromkeys((*stack.moved_services(), *roles_in(model))) if name in services]
    declared = {name: (services[name].get("labels") or {}).get(ROLLBACK_LABEL, "allowed") for name in moved}
    if odd := {name: word for name, word in declared.items() if word not in {"never", "allowed"}}:
        where = ", ".join(f"{name} has {word!r}" for name, word in odd.items())
        raise ComposeInvalid(f"{ROLLBACK_LABEL} must be never or allowed; {where}")
    return "never" in declared.values()


def _service(service: Mapping[str, Any], name: str, stack: Stack, stamp: Stamp, model: Mapping[str, Any]) -> Model:
    changed = dict(service)
    if "build" in service:
        changed["build"] = {**service["build"], "labels": _labelled(service["build"], stack)}
        changed["image"] = image_name(stack.project, name, stamp.sha)
        changed["pull_policy"] = "never"
    if changed.get("restart") == "always":
        changed["restart"] = UNLESS_STOPPED
    policy = (service.get("deploy") or {}).get("restart_policy") or {}
    if policy.get("condition") in {"any", "always"}:
        changed["deploy"] = {**service["deploy"], "restart_policy": {**policy, "condition": UNLESS_STOPPED}}
    changed["labels"] = {
        **(service.get("labels") or {}),
        STACK_LABEL: stack.project,
        NAME_LABEL: names_of(stack)[name],
        RELEASE_LABEL: stamp.release,
        SHA_LABEL: stamp.sha,
        ROLLOUT_LABEL: stamp.rollout,
        DEFINITION_LABEL: fingerprint(changed, model),
    }
    return changed


def _unnamed(service: Mapping[str, Any]) -> Model:
    """Turns a fixed container name into an alias: a new container is created while the old one still exists."""
    changed = dict(service)
    if (name := changed.pop("container_name", None)) and "network_mode" not in changed:
        networks = changed.get("networks") or {"default": None}
        changed["networks"] = {key: _with_alias(network, name) for key, network in networks.items()}
    return changed


def _with_alias(network: Mapping[str, Any] | None, name: str) -> Model:
    settings = dict(network or {})
    return {**settings, "aliases": [*settings.get("aliases", []), name]}


def _labelled(build: Mapping[str, Any], stack: Stack) -> dict[str, str]:
    """The image's labels plus the stack's, equal for every release, so that an unchanged image keeps its id."""
    return {**(build.get("labels") or {}), STACK_LABEL: stack.project}


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
