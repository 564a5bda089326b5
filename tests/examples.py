"""The example stack of the tests (two routed services and one bot), with releases and rollouts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.api.status import Status
from app.domain.history import HistoryEntry
from app.domain.release import LiveRelease, Release, Trigger
from app.domain.rollout import Rollout
from app.domain.routing.routes import ClientRoute, EntryPoint, HealthRequest
from app.domain.stack import Color, RoutedService, Singleton, Stack, Times, Traefik
from workers.rollout.pipeline import step_ids

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

TIMES = Times(bake=5)
"""The bake is shorter than by default: tests play each of its looks."""


def sha_of(tag: str) -> str:
    """A commit SHA derived from the tag."""
    return tag.encode().hex().ljust(40, "0")[:40]


def a_traefik(**entrypoints: str) -> Traefik:
    """Entrypoints by name and URL; the URL of the metrics page as `metrics`, if any."""
    metrics = entrypoints.pop("metrics", None)
    return Traefik({name: EntryPoint(url) for name, url in entrypoints.items()}, metrics=(metrics,) if metrics else ())


def a_routed(name: str, port: int, health: str, *routes: ClientRoute, **change: Any) -> RoutedService:
    """A service with the colors `<name>-blue` and `<name>-green`, unless `colors` says otherwise."""
    fields: dict[str, Any] = {"colors": _colors(name)} | change
    return RoutedService(name=name, port=port, health=HealthRequest(health), routes=routes, **fields)


def a_stack(**change: Any) -> Stack:
    fields: dict[str, Any] = {
        "project": "shop",
        "repository": "octo/shop",
        "source": "https://github.com/octo/shop.git",
        "directory": "/srv/shop",
        "traefik": a_traefik(web="http://traefik:80", api="http://traefik:81/", metrics="http://traefik:82/metrics"),
        "routed": (
            a_routed("skills", 8080, "/health", ClientRoute("web")),
            a_routed("api", 8090, "/api/v1/health", ClientRoute("api", "PathPrefix(`/api`)")),
        ),
        "singletons": (Singleton("bot", "bot"),),
        "times": TIMES,
    }
    return Stack(**fields | change)


def a_release(tag: str = "v1.1.0", *, after: float = 0, **change: Any) -> Release:
    """`after`: seconds after NOW at which it was accepted."""
    fields: dict[str, Any] = {
        "key": f"1:{tag}",
        "tag": tag,
        "rollout_id": f"r-{tag}",
        "trigger": Trigger.WEBHOOK,
        "accepted_at": NOW + timedelta(seconds=after),
    }
    return Release(**fields | change)


def held(release: Release) -> Release:
    """The release as the journal has it while it waits: with the commit of its tag."""
    return replace(release, commit=sha_of(release.tag))


def a_live(tag: str = "v1.0.0") -> LiveRelease:
    return LiveRelease(tag, sha_of(tag), f"r-{tag}", NOW)


def a_rollout(**change: Any) -> Rollout:
    fields: dict[str, Any] = {
        "release": a_release(),
        "target": Color.GREEN,
        "origin": Color.BLUE,
        "previous": a_live(),
        "started_at": NOW,
    }
    return Rollout(**fields | change)


def _colors(name: str) -> dict[Color, str]:
    return {color: f"{name}-{color}" for color in Color}


def step_names(stack: Stack, *, recall: bool = False) -> tuple[str, ...]:
    """The content of `steps_completed` after a success, in order."""
    return tuple(step.name for step in step_ids(stack, recall))


def a_history_entry(rollout_id: str, tag: str = "v1.0.0", result: str = "success", **more: Any) -> HistoryEntry:
    return HistoryEntry(
        **{"rollout_id": rollout_id, "tag": tag, "result": result, "timestamp": NOW.isoformat(), **more}
    )


def a_status(**fields: Any) -> Status:
    """The status that an API client receives."""
    return Status.model_validate(fields)
