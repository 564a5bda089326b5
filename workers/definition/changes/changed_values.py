"""How a kept definition differs from what today's files would make of the same release: names, never values."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from workers.definition.changes.fingerprint import labels_beside_own
from workers.definition.services.retired import uses_of

_OF_A_ROLLOUT = {"build", "image", "pull_policy", "labels", "environment", "volumes"}
"""Keys that differ between two rollouts of one release, or are compared in parts."""


def changed_values(
    kept: Mapping[str, Any], now: Mapping[str, Any], moved: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """What differs between two definitions, by service, if anything does: environment variables, and other keys."""
    found = {
        name: tuple(dict.fromkeys(_changed(kept, now, name)))
        for name in moved
        if name in kept["services"] and name in now["services"]
    }
    return {name: changed for name, changed in found.items() if changed}


def _changed(kept: Mapping[str, Any], now: Mapping[str, Any], name: str) -> Iterator[str]:
    before, after = kept["services"][name], now["services"][name]
    yield from _differing(before.get("environment"), after.get("environment"))
    yield from _differing(_without(before, _OF_A_ROLLOUT), _without(after, _OF_A_ROLLOUT))
    yield from (f"labels/{key}" for key in _differing(labels_beside_own(before), labels_beside_own(after)))
    if any(_mounts(before).get(target) != what for target, what in _mounts(after).items()):
        yield "volumes"
    for part, used in uses_of(after).items():
        there = [{key: (each.get(part) or {}).get(key) for key in used} for each in (kept, now)]
        yield from (f"{part}/{key}" for key in _differing(*there))


def _differing(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[str]:
    one, other = before or {}, after or {}
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def _without(service: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in service.items() if key not in keys}


def _mounts(service: Mapping[str, Any]) -> dict[str, Any]:
    """What is mounted where, without volumes that have no name: those are new, or inherited."""
    return {mount.get("target"): mount for mount in service.get("volumes") or () if mount.get("source")}
