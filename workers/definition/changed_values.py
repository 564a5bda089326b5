"""How a kept definition differs from what today's files would make of the same release: names, never values."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

_OF_A_ROLLOUT = {"build", "image", "pull_policy", "labels", "environment", "volumes"}
"""Keys that differ between two rollouts of one release, and the environment, which is compared by variable."""


def changed_values(
    kept: Mapping[str, Any], now: Mapping[str, Any], moved: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """The environment variables, and the other keys, that differ between two definitions; by service, if any does."""
    found = {
        name: tuple(_changed(kept["services"][name], now["services"][name]))
        for name in moved
        if name in kept["services"] and name in now["services"]
    }
    return {name: changed for name, changed in found.items() if changed}


def _changed(kept: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    before, after = (service.get("environment") or {} for service in (kept, now))
    yield from sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    yield from sorted(key for key in {*kept, *now} - _OF_A_ROLLOUT if kept.get(key) != now.get(key))
