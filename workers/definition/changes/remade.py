"""Networks and volumes that keep their name and change otherwise. Pure functions.

The engine cannot change either. Compose then keeps a volume as it is, and replaces a network by stopping containers:
it asks whether to, or just does, and nobody sees it.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from workers.definition.services.retired import uses_of

_OPTIONS = {
    "networks": ("driver", "driver_opts", "ipam", "internal", "attachable", "enable_ipv6"),
    "volumes": ("driver", "driver_opts"),
}
_DRIVERS = {"networks": "bridge", "volumes": "local"}


def remade(model: Mapping[str, Any], before: Mapping[str, Any], moved: Collection[str]) -> Iterator[str]:
    """What refuses a release, for each that a service which the updater moves uses. `before`: what is live."""
    services = model.get("services") or {}
    for part, options in _OPTIONS.items():
        known = {each.get("name"): each for each in (before.get(part) or {}).values() if each}
        for key in sorted({key for name in moved for key in uses_of(services[name])[part]}):
            now = (model.get(part) or {}).get(key) or {}
            old = known.get(now.get("name"), now)
            if now.get("external") or old.get("external"):
                continue
            if changed := [option for option in options if _of(now, part, option) != _of(old, part, option)]:
                yield (
                    f"{part}/{key} has another {' and '.join(changed)} than {now.get('name')}, which exists, and "
                    f"Docker cannot change it. Give it another `name` ({now.get('name')}-2), so that it is made anew"
                )


def _of(each: Mapping[str, Any], part: str, option: str) -> Any:
    return each.get(option) or (_DRIVERS[part] if option == "driver" else None)
