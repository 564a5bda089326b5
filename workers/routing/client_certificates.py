"""Finds the routes that ask for a client certificate, which the updater has not: a pure function.

https://doc.traefik.io/traefik/reference/routing-configuration/http/tls/tls-options/#client-authentication-mtls
"""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from app.domain.routing.routes import ClientRoute
from app.domain.routing.rule import has
from app.domain.stack import Stack
from workers.routing.dynamic_file import Tree, items_of, lowered, part_of, read_tree
from workers.routing.routers import local_name

DEFAULT = "default"
"""The options of routers that name none."""
_REQUIRED = {"RequireAnyClientCert", "RequireAndVerifyClientCert"}


Points = Mapping[str, Mapping[str, Any]]
"""An entrypoint of Traefik → its options, as `/api/entrypoints` has them; empty if Traefik is not asked."""


def certificates_needed(stack: Stack, files: Mapping[str, str], points: Points) -> Iterator[str]:
    """Each route whose TLS options in `files` require a client certificate, and what to write instead.

    A route without TLS of its own has that of its entrypoint, if `points` knows it.
    """
    options = _options(files)
    for service in stack.routed:
        for route in service.routes:
            name = _options_of(route, points)
            file, body = options.get(name or "", ("", {}))
            if _requires(body):
                of_point = "" if route.tls is not None else f", the TLS options of entrypoint {route.entrypoint}"
                yield (
                    f"routed/{service.name} (`{route.rule}` at {route.entrypoint}) requires a client certificate, by "
                    f"tls/options/{name} in {file}{of_point}. The updater has none, so no flip could be "
                    "confirmed. First let the service itself refuse requests without a certificate, except for its "
                    "health path (middleware passTLSClientCert). Then write clientAuthType: VerifyClientCertIfGiven "
                    "there"
                )


def _options_of(route: ClientRoute, points: Points) -> str | None:
    """The name of its TLS options; None without TLS. Traefik uses other options than the default by host only."""
    tls = lowered(route.tls) if route.tls is not None else _tls_of(points.get(route.entrypoint, {}))
    if tls is None:
        return None
    name = local_name(str(tls.get("options") or DEFAULT))
    return name if has(route.rule, "Host") else DEFAULT


def _tls_of(point: Mapping[str, Any]) -> Tree | None:
    """The TLS options of an entrypoint: those of its routers that have none."""
    http = point.get("http")
    tls = http.get("tls") if isinstance(http, dict) else None
    return lowered(tls) if isinstance(tls, dict) else None


def _options(files: Mapping[str, str]) -> dict[str, tuple[str, Tree]]:
    """The TLS options by name, with their file. Traefik keeps the first definition; unreadable files define none."""
    found: dict[str, tuple[str, Tree]] = {}
    for file, text in sorted(files.items(), key=lambda each: each[0].split("/")):
        try:
            defined = part_of(read_tree(file, text), "options", "tls")
        except (ValueError, yaml.YAMLError, RecursionError):
            continue
        found = {**{name: (file, body) for name, body in defined.items()}, **found}
    return found


def _requires(options: Tree) -> bool:
    """Authorities alone require a certificate too."""
    auth = options.get("clientauth")
    asked = lowered(auth) if isinstance(auth, dict) else {}
    kind = str(asked.get("clientauthtype") or "")
    return kind in _REQUIRED or (not kind and bool(items_of(asked.get("cafiles"))))
