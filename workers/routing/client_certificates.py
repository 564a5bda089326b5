"""Finds the routes that ask for a client certificate, which the updater has not: a pure function.

https://doc.traefik.io/traefik/reference/routing-configuration/http/tls/tls-options/#client-authentication-mtls
"""

from collections.abc import Iterator, Mapping

import yaml

from app.domain.routes import ClientRoute
from app.domain.stack import Stack
from workers.routing.dynamic_file import Tree, items_of, lowered, part_of, read_tree
from workers.routing.routers import local_name

DEFAULT = "default"
"""The options of routers that name none."""
_REQUIRED = {"RequireAnyClientCert", "RequireAndVerifyClientCert"}


def certificates_needed(stack: Stack, files: Mapping[str, str]) -> Iterator[str]:
    """Each route whose TLS options in `files` require a client certificate, and what to write instead."""
    options = _options(files)
    for service in stack.routed:
        for route in service.routes:
            name = _options_of(route)
            file, body = options.get(name or "", ("", {}))
            if _requires(body):
                yield (
                    f"routed/{service.name} (`{route.rule}` at {route.entrypoint}) requires a client certificate, by "
                    f"tls/options/{name} in {file}. The updater has none, so no flip could be confirmed. First let the "
                    "service itself refuse requests without a certificate, except for its health path (middleware "
                    "passTLSClientCert). Then write clientAuthType: VerifyClientCertIfGiven there"
                )


def _options_of(route: ClientRoute) -> str | None:
    """The name of its TLS options; None without TLS of its own, because only Traefik knows those of an entrypoint."""
    return None if route.tls is None else local_name(str(lowered(route.tls).get("options") or DEFAULT))


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
