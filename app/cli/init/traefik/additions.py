"""Finds the options that a Traefik lacks, and renders them in its form of configuration. Pure.

https://doc.traefik.io/traefik/reference/install-configuration/observability/metrics/
https://doc.traefik.io/traefik/reference/install-configuration/providers/overview/
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from app.cli.init.traefik.entrypoints import (
    DEFAULT,
    DEFAULT_PORT,
    EntryPoint,
    entrypoints,
)
from app.cli.init.traefik.static.static_config import Form, Key, StaticConfig

METRICS = "metrics"
METRICS_PORT = 8082
THROTTLE = "100ms"
"""The longest that a flip or a rollback waits for Traefik; Traefik's default is 2 s."""

DIRECTORY = "/etc/traefik/dynamic"

Option = tuple[Key, str]

_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True)
class Additions:
    """`options` are the missing ones. `metrics` is the entrypoint of the metrics, now or after adding them."""

    options: tuple[Option, ...]
    metrics: EntryPoint
    has_metrics: bool


def additions(config: StaticConfig) -> Additions:
    """The options that `config` lacks."""
    points = entrypoints(config)
    point = _metrics_point(config, points)
    metrics = list(_metrics(config, points, point))
    return Additions((*metrics, *_provider(config)), point, has_metrics=not metrics)


def rendered(options: tuple[Option, ...], form: Form, *, toml: bool = False) -> list[str]:
    """Lines for the service's command, its environment, or its static file."""
    if form is Form.FLAGS:
        return [f"--{'.'.join(key)}={value}" for key, value in options]
    if form is Form.ENVIRONMENT:
        return [f"TRAEFIK_{'_'.join(key).upper()}={value}" for key, value in options]
    tree = _tree(options)
    return list(_toml(tree)) if toml else yaml.safe_dump(tree, sort_keys=False).splitlines()


def _metrics(config: StaticConfig, points: Mapping[str, EntryPoint], point: EntryPoint) -> Iterator[Option]:
    on = config.has("metrics", "prometheus")
    if point.name not in points and point.name != DEFAULT:
        yield ("entryPoints", point.name, "address"), f":{point.port}"
    if not on:
        yield ("metrics", "prometheus"), "true"
    if not on or config.get("metrics", "prometheus", "addserviceslabels") == "false":
        yield ("metrics", "prometheus", "addServicesLabels"), "true"
    if (config.get("metrics", "prometheus", "entrypoint") or DEFAULT).lower() != point.name.lower():
        yield ("metrics", "prometheus", "entryPoint"), point.name


def _metrics_point(config: StaticConfig, points: Mapping[str, EntryPoint]) -> EntryPoint:
    """The entrypoint that has the metrics now, else one named `metrics`, else a new one on a free port."""
    taken = {point.port for point in points.values()}
    if config.has("metrics", "prometheus"):
        name = config.get("metrics", "prometheus", "entrypoint") or DEFAULT
        if point := next((p for n, p in points.items() if n.lower() == name.lower()), None):
            return point
        if name == DEFAULT and DEFAULT_PORT not in taken:
            return EntryPoint(DEFAULT, DEFAULT_PORT)
    if METRICS in points:
        return points[METRICS]
    return EntryPoint(METRICS, next(p for p in range(METRICS_PORT, 65_535) if p not in taken | {DEFAULT_PORT}))


def _provider(config: StaticConfig) -> Iterator[Option]:
    if not config.get("providers", "file", "directory") and not config.get("providers", "file", "filename"):
        yield ("providers", "file", "directory"), DIRECTORY
    if config.get("providers", "file", "watch") == "false":
        yield ("providers", "file", "watch"), "true"
    throttle = _seconds(config.get("providers", "providersthrottleduration"))
    if throttle is None or throttle > _UNITS["ms"] * 100:
        yield ("providers", "providersThrottleDuration"), THROTTLE


def _seconds(text: str | None) -> float | None:
    """Seconds of a duration with one unit, or of a plain number; None for anything else."""
    number = (text or "").rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = (text or "")[len(number) :] or "s"
    try:
        return float(number) * _UNITS[unit]
    except (KeyError, ValueError):
        return None


def _tree(options: tuple[Option, ...]) -> dict[str, Any]:
    """The options as nested mappings; a part that is on and has its own options is a mapping."""
    tree: dict[str, Any] = {}
    for (*parents, last), value in options:
        here = tree
        for parent in parents:
            below = here.get(parent)
            here[parent] = here = below if isinstance(below, dict) else {}
        here.setdefault(last, {} if (last, value) == ("prometheus", "true") else _typed(value))
    return tree


def _typed(value: str) -> str | bool:
    return {"true": True, "false": False}.get(value, value)


def _toml(tree: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    plain = {key: value for key, value in tree.items() if not isinstance(value, dict)}
    if path and (plain or not tree):
        yield f"[{'.'.join(path)}]"
    yield from (f"{key} = {json.dumps(value)}" for key, value in plain.items())
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _toml(value, (*path, key))
