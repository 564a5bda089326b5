"""Removes Compose projects from an engine."""

import contextlib
import itertools
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from docker import DockerClient
from docker.errors import APIError

from deploy.demo.docker.dockerd import connected

LABEL = "com.docker.compose.project"
GONE_SECONDS, POLL_SECONDS = 60.0, 0.2

Removal = Callable[[], object]


def take_down(host: str, prefix: str) -> None:
    """Removes every project whose name begins with `prefix`: containers, networks, volumes and release images."""
    with connected(host) as client:
        until_none_is_left(lambda: _removals(client, prefix))
        for tag in (t for t in image_tags(client) if t.startswith(prefix)):
            with contextlib.suppress(APIError):
                client.images.remove(tag, noprune=True)


def until_none_is_left(find: Callable[[], Sequence[Removal]]) -> None:
    """Calls the removals that `find` returns until it returns none, for at most GONE_SECONDS.

    The engine may refuse one at first: it still carries out what a killed command began, or removes the object already.
    """
    deadline = time.monotonic() + GONE_SECONDS
    for attempt in itertools.count():
        found = find()
        if not found or time.monotonic() > deadline:
            return
        if attempt:
            time.sleep(POLL_SECONDS)
        for remove in found:
            with contextlib.suppress(APIError):
                remove()


def _removals(client: DockerClient, prefix: str) -> list[Removal]:
    containers = client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True)
    others = [found for kind in (client.networks, client.volumes) for found in kind.list(filters={"label": LABEL})]
    return [
        *(partial(each.remove, force=True, v=True) for each in containers if _begins(each, prefix)),
        *(each.remove for each in others if _begins(each, prefix)),
    ]


def image_tags(client: DockerClient) -> list[str]:
    """Returns every tag of every image in one call: the SDK's list inspects each image, which may be gone by then."""
    return [tag for image in client.api.images() for tag in image["RepoTags"] or []]


def _begins(found: Any, prefix: str) -> bool:
    labels = found.attrs["Config"]["Labels"] if "Config" in found.attrs else found.attrs["Labels"]
    return str((labels or {}).get(LABEL, "")).startswith(prefix)
