"""The stack file that is played: the user's own, with what this machine needs in place of the host's. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.stack import Stack, Times
from deploy.demo.clients import Json

SHORT_SECONDS = 20.0
"""How long an image may be missing in its registry, and the network away: here, no one waits for either."""

_NOT_PLAYED = {
    "allowed_authors": "releases here have no author at GitHub",
    "require_immutable": "releases here are not GitHub's",
    "windows": "the release goes live at any time",
}


@dataclass(frozen=True)
class Here:
    """What this machine has in place of the host's. `entrypoints`: URLs by the names of the stack file."""

    project: str
    source: str
    directory: str
    entrypoints: Mapping[str, str]
    metrics: str


@dataclass(frozen=True)
class Replaced:
    """The content of the stack file that is played, and what differs from the user's, one line each: for people."""

    content: Json
    notes: tuple[str, ...]


def replaced(content: Mapping[str, Any], stack: Stack, here: Here) -> Replaced:
    """`content` is the user's stack file, and `stack` what it means."""
    changes = [*_places(here), *_traefik(content, stack, here), *_policy(content), *_limits(content, stack)]
    result: Json = dict(content)
    for path, value, _ in changes:
        _set(result, path.split("/"), value)
    middlewares = dict(_renamed(stack))
    if middlewares:
        result["routed"] = {name: _with_middlewares(part, middlewares) for name, part in content["routed"].items()}
    return Replaced(result, (*(f"{path}: {note}" for path, _, note in changes), *_middleware_notes(stack)))


def stand_in(middleware: str) -> str:
    """The name of the stand-in for `middleware`, which Traefik's file provider has."""
    name, _, provider = middleware.partition("@")
    return name if provider in {"", "file"} else f"{name}-of-{provider}"


Change = tuple[str, Any, str]
"""A path in the stack file, its value (None: without it), and what to say of it."""


def _places(here: Here) -> Iterator[Change]:
    yield "project", here.project, f"{here.project}, which no other project has"
    yield "source", here.source, "a copy of the repository"
    yield "directory", here.directory, "a copy of what the release lacks; see below"


def _traefik(content: Mapping[str, Any], stack: Stack, here: Here) -> Iterator[Change]:
    points = ", ".join(f"{name} is {url}" for name, url in here.entrypoints.items())
    yield (
        "traefik/entrypoints",
        dict(here.entrypoints),
        f"a Traefik of the demo's own, with its default options: {points}",
    )
    if any(point.verify for point in stack.traefik.entrypoints.values()):
        yield "traefik/entrypoints", dict(here.entrypoints), "no certificate is verified; Traefik has its default one"
    if stack.traefik.metrics:
        yield "traefik/metrics", here.metrics, "those of that Traefik"
    if stack.traefik.api:
        yield "traefik/api", None, "not used"
    if stack.public_url:
        yield "public_url", None, "not used: the pages of that address do not know of the rollouts here"
    if content.get("updater"):
        yield "updater", None, "the updater runs outside the stack, and its own replacement is not played"


def _policy(content: Mapping[str, Any]) -> Iterator[Change]:
    for key, why in _NOT_PLAYED.items():
        if (content.get("policy") or {}).get(key):
            yield f"policy/{key}", None, f"not played; {why}"


def _limits(content: Mapping[str, Any], stack: Stack) -> Iterator[Change]:
    times = content.get("times") or {}
    if times.get("image", Times.image) > SHORT_SECONDS:
        yield "times/image", SHORT_SECONDS, f"{SHORT_SECONDS:.0f} seconds, because no one is about to push an image"
    if times.get("retry", Times.retry) > SHORT_SECONDS:
        yield "times/retry", SHORT_SECONDS, f"{SHORT_SECONDS:.0f} seconds, so that a missing network shows soon"
    if stack.keep.build_cache_gb is not None:
        yield "keep", {"build_cache_gb": None}, "the engine's build cache is left alone"


def _set(content: Json, path: list[str], value: Any) -> None:
    """Sets the value at `path`, in copies of the mappings above it; None removes it."""
    first, *rest = path
    if rest:
        below = dict(content.get(first) or {})
        _set(below, rest, value)
        content[first] = below
    elif value is None:
        content.pop(first, None)
    else:
        content[first] = value


def _renamed(stack: Stack) -> Iterator[tuple[str, str]]:
    """The middlewares that the file provider cannot have, with the names of their stand-ins."""
    for name in middlewares_of(stack):
        if name.partition("@")[2] not in {"", "file"}:
            yield name, f"{stand_in(name)}@file"


def _with_middlewares(part: Mapping[str, Any], names: Mapping[str, str]) -> Json:
    result = dict(part)
    if "middlewares" in part:
        result["middlewares"] = [names.get(name, name) for name in part["middlewares"]]
    if "routes" in part:
        result["routes"] = [_with_middlewares(route, names) for route in part["routes"]]
    return result


def middlewares_of(stack: Stack) -> list[str]:
    """Every middleware that a route of the stack has, once."""
    return list(dict.fromkeys(name for s in stack.routed for route in s.routes for name in route.middlewares))


def tls_options_of(stack: Stack) -> list[str]:
    """Every set of TLS options that a route of the stack has, once, without Traefik's own."""
    named = (str((route.tls or {}).get("options") or "") for s in stack.routed for route in s.routes)
    return list(dict.fromkeys(name for name in named if name and name != "default"))


def _middleware_notes(stack: Stack) -> Iterator[str]:
    for name in middlewares_of(stack):
        yield (
            f"middleware {name}: it is on your host only, so a stand-in that passes every request is in its place. "
            "What it does there, such as asking for a password, is NOT played"
        )
    for name in tls_options_of(stack):
        yield f"TLS options {name}: they are on your host only; Traefik's defaults are in their place"
    resolvers = (str((route.tls or {}).get("certResolver") or "") for s in stack.routed for route in s.routes)
    for name in dict.fromkeys(filter(None, resolvers)):
        yield f"certificate resolver {name}: no certificate is requested; Traefik's default one serves"
