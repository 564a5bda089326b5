"""Finds Traefik's container among those of the host, and who is in which network: pure functions."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from app.domain.callers.compose import image_name
from app.domain.routing.networks import HOST, Peers
from workers.ports import Seen

_NAME = "traefik"
_FLAGS = re.compile(r"--(?:providers|entrypoints)\.", re.IGNORECASE)
_UPDATER = re.compile(r"\b(?:workers|app)\.main\b|\bworkers\.successor\b")


def peers_among(
    containers: Sequence[Seen],
    route: Path | None,
    *,
    own_name: str | None,
    own_networks: frozenset[str] | None,
    off_host: Collection[str] = (),
) -> Peers:
    """The worker and Traefik, which has to reach the copies. The arguments are as those of a Survey.

    `route` is the route file's path on the host; None if it has none there. Of several Traefiks that read the file, any
    one may be the one that serves: the networks of all of them count.
    """
    found = running_traefiks(containers, own_name, route) if route else []
    known = frozenset(n for c in found for n in c.networks) if found and all(c.networks for c in found) else None
    return Peers(
        worker=None if own_networks is None or HOST in own_networks else own_networks,
        off_host=frozenset(off_host),
        traefik=known,
        title=", ".join(dict.fromkeys(map(title, found))) or Peers.title,
    )


def running_traefiks(containers: Sequence[Seen], own_name: str | None, route: Path) -> list[Seen]:
    """Traefik's running containers; empty if no container is surely Traefik."""
    return [c for c in mounting(containers, own_name, route) if c.state == "running" and _is_traefik(c)]


def title(container: Seen) -> str:
    """The service's name, else the container's."""
    return container.service or container.name


def mounting(containers: Sequence[Seen], own_name: str | None, route: Path) -> list[Seen]:
    """The containers that mount the route file or its directory, without updaters: only Traefik's, if one surely is.

    A name with "traefik" in it says less: a container that exports Traefik's certificates has one too. `own_name` is
    that of this process's container.
    """
    watched = {str(route), *map(str, route.parents)} - {"/"}
    found = [c for c in containers if watched & set(c.mounts.values()) and not _updates(c, own_name)]
    surely = [c for c in found if _is_traefik(c)]
    return sorted(surely, key=lambda c: c.state != "running") or sorted(found, key=lambda c: not _may_be_traefik(c))


def _updates(container: Seen, own_name: str | None) -> bool:
    """Whether it is an updater, of this stack or another: a worker mounts the directory too."""
    return container.name == (own_name or "/") or _UPDATER.search(" ".join(container.command)) is not None


def _is_traefik(container: Seen) -> bool:
    named = _NAME in (container.service.lower(), image_name({"image": container.image}))
    return named or _FLAGS.search(" ".join(container.command)) is not None


def _may_be_traefik(container: Seen) -> bool:
    return _NAME in " ".join((container.service, container.image, *container.command)).lower()
