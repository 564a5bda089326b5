"""The images that the Docker Engine of this machine has, when one answers at once. It is asked, never changed."""

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
"""Where the SDK looks when nothing names an engine."""

ANSWER_SECONDS = 2
"""The limit of one answer."""

ALL_SECONDS = 6.0
"""After this long the engine is not asked again."""


@contextmanager
def local_images(environ: Mapping[str, str]) -> Iterator[FindImage]:
    """Asks the engine that `environ` names."""
    engine = _Engine(environ)
    try:
        yield engine.find
    finally:
        engine.close()


class _Engine:
    """It is connected to at the first question, and the first failure is the last question."""

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
    """The SDK does not close a socket that it could not connect. Raises OSError."""
    scheme, _, path = host.partition("://")
    if scheme == "unix":
        Path(path).stat()
    if scheme == "ssh":
        raise OSError("an engine behind SSH does not answer at once")


def image_facts(attrs: Mapping[str, Any]) -> ImageFacts:
    """From what `docker image inspect` prints of one image."""
    config = attrs.get("Config") or {}
    exposed = (str(each).partition("/") for each in config.get("ExposedPorts") or ())
    test = (config.get("Healthcheck") or {}).get("Test") or ()
    return ImageFacts(
        ports=tuple(sorted(port for text, _, kind in exposed if kind != "udp" and (port := port_number(text)))),
        environment=dict(word.partition("=")[::2] for word in config.get("Env") or ()),
        health=tuple(str(word) for word in test) if test and test[0] != "NONE" else None,
    )
