"""Reads images from this machine's Docker Engine, if it answers quickly. Never changes anything."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException, ImageNotFound
from requests.exceptions import RequestException

from app.cli.init.images.facts import FindImage, ImageFacts
from app.cli.init.project.service_facts import port_number

SOCKET = "unix:///var/run/docker.sock"
"""The SDK's default engine."""

ANSWER_SECONDS = 2
"""Limit for one answer."""

ALL_SECONDS = 6.0
"""Limit for all answers: after it the engine is not asked again."""


@contextmanager
def local_images(environ: Mapping[str, str]) -> Iterator[FindImage]:
    """Finds images in the engine that `environ` names."""
    engine = _Engine(environ)
    try:
        yield engine.find
    finally:
        engine.close()


class _Engine:
    """Connects at the first request, and sends no more requests after the first failure."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._client: docker.DockerClient | None = None
        self._until = time.monotonic() + ALL_SECONDS

    def find(self, name: str) -> ImageFacts | None:
        if time.monotonic() > self._until:
            return None
        try:
            return image_facts(self._connected().images.get(name).attrs)
        except ImageNotFound:
            return None
        except (DockerException, RequestException, OSError, ValueError):
            self._until = 0.0
            return None

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _connected(self) -> docker.DockerClient:
        if self._client is None:
            _look_for_socket(self._environ.get("DOCKER_HOST") or SOCKET)
            self._client = docker.from_env(environment=self._environ, timeout=ANSWER_SECONDS)
        return self._client


def _look_for_socket(host: str) -> None:
    """Raises OSError if the socket is missing: the SDK would not close a socket that it could not connect."""
    scheme, _, path = host.partition("://")
    if scheme == "unix":
        Path(path).stat()
    if scheme == "ssh":
        raise OSError("an engine behind SSH does not answer quickly")


def image_facts(attrs: Mapping[str, Any]) -> ImageFacts:
    """The facts in the output of `docker image inspect` for one image."""
    config = attrs.get("Config") or {}
    exposed = (str(each).partition("/") for each in config.get("ExposedPorts") or ())
    test = (config.get("Healthcheck") or {}).get("Test") or ()
    return ImageFacts(
        ports=tuple(sorted(port for text, _, kind in exposed if kind != "udp" and (port := port_number(text)))),
        environment=dict(word.partition("=")[::2] for word in config.get("Env") or ()),
        health=tuple(str(word) for word in test) if test and test[0] != "NONE" else None,
        labels={str(name): str(value) for name, value in (config.get("Labels") or {}).items()},
    )
