"""How a service runs, as a hash: whether a container has to be replaced."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from workers.definition.environment import MARK, unmarked
from workers.definition.files.origins import MOUNTED_PARTS
from workers.definition.services.retired import resources_of, uses_in

OWN_LABELS = "updater."
"""The beginning of the names of all labels of the updater."""

PLACES = ("networks", "volumes")
_LENGTH, _MARKS_LENGTH = 32, 16


def labels_beside_own(service: Mapping[str, Any]) -> dict[str, Any]:
    """The service's labels without the updater's."""
    return {key: value for key, value in (service.get("labels") or {}).items() if not key.startswith(OWN_LABELS)}


def fingerprint(service: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    """A hash of how a service runs: its definition without build, image name, pull policy and the updater's labels.

    Its configs and secrets count as `model` defines them: by their content, by the copy of the release's file, or by
    the mark of a value that is not stored. So do networks and volumes, but for those that Compose names and has no
    more to say of.
    """
    shown = {key: value for key, value in service.items() if key not in {"build", "image", "pull_policy"}}
    labels = labels_beside_own(service)
    files: dict[str, dict[str, Any]] = {}
    for part, name, each in _used(service, model):
        files.setdefault(part, {})[name] = each and unmarked(each)
    places = _places(service, model)
    definition = {
        **shown,
        "labels": labels,
        **({"x-files": files} if files else {}),
        **({"x-places": places} if places else {}),
    }
    return _hash(definition)[:_LENGTH] + _marks(service, model)


def with_marks_of(known: str, service: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    """The fingerprint `known` of a service, with the marks that `model` has now."""
    return known[:_LENGTH] + _marks(service, model)


def _marks(service: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    marks = [(part, name, each[MARK]) for part, name, each in _used(service, model) if each and MARK in each]
    return f"-{_hash(marks)[:_MARKS_LENGTH]}" if marks else ""


def _places(service: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The networks and volumes of the service that are more than a name which Compose made: the other one is new."""
    found = {key: each for key, each in resources_of(service, model).items() if key.partition("/")[0] in PLACES}
    plain = {key: {"name": f"{model.get('name')}_{key.partition('/')[2]}"} for key in found}
    return {key: each for key, each in found.items() if each and each != plain[key]}


def _used(service: Mapping[str, Any], model: Mapping[str, Any]) -> list[tuple[str, str, dict[str, Any] | None]]:
    return [(part, use["source"], defined) for part in MOUNTED_PARTS for use, defined in uses_in(part, service, model)]


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
