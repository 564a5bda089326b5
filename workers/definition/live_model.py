"""The model of the live release, for a plain `docker compose`: pure functions."""

import copy
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from app.domain.release_stack import as_of
from app.domain.stack import Color, Stack
from workers.definition.labels import Model
from workers.definition.published import jobs_in, required, startable, without_jobs
from workers.definition.services.colors import SINGLES, lead
from workers.definition.services.copies import with_copies
from workers.definition.services.retired import uses_of
from workers.definition.services.roles import ROLLOUT_LABEL, roles_in

JOB_PROFILE = "updater-job"
_LIVE = "x-updater-live"
FOUND = "x-updater-found"
"""The services of an adopted release as they ran: Compose would create containers by the transformed ones again."""


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
