"""Traefik's entrypoints, from its command line, its environment or its static file.

https://doc.traefik.io/traefik/reference/install-configuration/configuration-options/
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from app.cli.starting.service_facts import Service, image_name, pairs, volumes, words

CONFIG_NAMES = ("traefik.yml", "traefik.yaml", "traefik.toml")
CONFIG_DIRECTORY = PurePosixPath("/etc/traefik")
HTTPS = 443
OWN = frozenset({"traefik", "metrics", "ping", "dashboard", "api"})
"""What is usually Traefik's own; none of it is a route of the stack, unless a service has its name."""

_ARGUMENT = re.compile(r"--entrypoints\.([a-z0-9_-]+)\.address=(\S+)", re.IGNORECASE)
_REDIRECT = re.compile(r"--entrypoints\.([a-z0-9_-]+)\.http\.redirections\..*", re.IGNORECASE)
_VARIABLE = re.compile(r"TRAEFIK_ENTRYPOINTS_([A-Z0-9_]+)_ADDRESS", re.IGNORECASE)
_ADDRESS = re.compile(r".*:(\d{1,5})(?:/tcp)?")


def find_traefik(services: Mapping[str, Service]) -> str | None:
    """The service that is Traefik: by its image, by its command line, by its name."""
    tests = (
        lambda _, service: image_name(service) == "traefik",
        lambda _, service: any(_ARGUMENT.fullmatch(word) for word in words(service.get("command"))),
        lambda name, _: "traefik" in name.lower(),
    )
    for test in tests:
        if found := next((name for name, service in services.items() if test(name, service)), None):
            return found
    return None


def entrypoints(service: Service, directory: Path) -> dict[str, int]:
    """Name and port of every entrypoint over TCP; those that only redirect are left out."""
    command = words(service.get("command"))
    redirecting = {match[1].lower() for word in command if (match := _REDIRECT.fullmatch(word))}
    addresses = {
        **_from_file(_static_file(service, directory)),
        **{m[1].lower(): v for k, v in pairs(service.get("environment")).items() if (m := _VARIABLE.fullmatch(k))},
        **{match[1]: match[2] for word in command if (match := _ARGUMENT.fullmatch(word))},
    }
    ports = {name: int(m[1]) for name, value in addresses.items() if (m := _ADDRESS.fullmatch(str(value)))}
    return {name: port for name, port in ports.items() if name.lower() not in redirecting}


def routable(found: Mapping[str, int], names: Iterable[str]) -> dict[str, int]:
    """Without those that are usually Traefik's own."""
    wanted = set(names)
    return {name: port for name, port in found.items() if name in wanted or name.lower() not in OWN}


def url(host: str, port: int) -> str:
    """Where the worker reaches an entrypoint from inside the stack's network."""
    return f"https://{host}:{port}" if port == HTTPS else f"http://{host}:{port}"


def _static_file(service: Service, directory: Path) -> Path | None:
    """The static file on the host: what is mounted where Traefik looks."""
    named = (
        word.partition("=")[2] for word in words(service.get("command")) if word.lower().startswith("--configfile=")
    )
    wanted = [PurePosixPath(name) for name in named] or [CONFIG_DIRECTORY / name for name in CONFIG_NAMES]
    hosts = (path for inside in wanted for path in _on_host(service, inside, directory))
    return next((path for path in hosts if path.is_file()), None)


def _on_host(service: Service, inside: PurePosixPath, directory: Path) -> Iterator[Path]:
    for source, target in volumes(service):
        if target and source.startswith(("/", ".", "~")) and inside.is_relative_to(target):
            yield directory / Path(source).expanduser() / inside.relative_to(target)


def _from_file(file: Path | None) -> dict[str, Any]:
    """The addresses in the static file; none when it cannot be read."""
    if file is None:
        return {}
    try:
        text = file.read_text(encoding="utf-8")
        content = tomllib.loads(text) if file.suffix == ".toml" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError):
        return {}
    points = (
        next((v for k, v in content.items() if str(k).lower() == "entrypoints"), None)
        if isinstance(content, dict)
        else None
    )
    if not isinstance(points, dict):
        return {}
    return {
        str(n): p["address"] for n, p in points.items() if isinstance(p, dict) and "address" in p and not _redirects(p)
    }


def _redirects(point: Mapping[str, Any]) -> bool:
    http = point.get("http")
    return isinstance(http, Mapping) and "redirections" in http
