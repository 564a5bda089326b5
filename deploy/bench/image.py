"""`image`: what the updater's image adds to its base, and what a patch release moves. Needs an engine."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError

from deploy.bench.method.figures import Figure, Rounds
from deploy.bench.method.servers import Missing
from deploy.demo.clients import plain_sync_client
from deploy.demo.docker.engine import EngineUnavailable, Say, answering, connected, which
from deploy.demo.docker.images import ensure_build_base, from_registry, packed
from deploy.demo.docker.registry import Registry, registry
from deploy.demo.processes import ROOT
from workers.adapters.docker_host.compose.program import find_compose

BENCH = "image"
OURS, OFFICIAL, CLIENT = "ours", "docker:cli, which has Compose", "the docker command and Compose on the same base"
PATCH, WHOLE = "a patch release", "its whole image without the base"
SIZE = {"size beyond the base": "MiB", "layers beyond the base": "layers"}
MOVED = {"patch release: moved by a pull": "MiB"}
BUILD_SECONDS = 1800
MIB = 1024**2

REPOSITORY, CLIENT_IMAGE = "zu-bench-updater", "zu-bench-client:1"
OFFICIAL_IMAGE, OFFICIAL_BASE = "docker:cli", "alpine:latest"
DIRECTORIES, FILES = (
    ("app", "workers", "requirements", "config/traefik/dynamic"),
    ("deploy/Dockerfile", ".dockerignore"),
)
PATCHED = "app/__init__.py"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"

Json = dict[str, Any]


@dataclass(frozen=True)
class Built:
    """An image of the engine: its size in bytes, uncompressed, and how many layers it has."""

    size: int
    layers: int


def measure(_: int, say: Say) -> Iterator[Figure]:
    """Builds and publishes two versions of the image. Every round would have the same figures, so there is one."""
    try:
        sizes, moved, reference = _measure(say)
    except (Missing, EngineUnavailable) as missing:
        say(f"{BENCH}: skipped: {missing}")
        return
    yield from sizes.figures(BENCH, OURS, reference, SIZE)
    yield from moved.figures(BENCH, PATCH, WHOLE, MOVED)


def _measure(say: Say) -> tuple[Rounds, Rounds, str]:
    host = answering()
    if host is None:
        raise Missing("no Docker Engine answers. Start one, or set DOCKER_HOST.")
    sizes, moved = Rounds(), Rounds()
    with (
        tempfile.TemporaryDirectory(prefix="zu-bench-") as directory,
        connected(host, BUILD_SECONDS) as client,
        registry(Path(directory) / "registry", say) as hub,
    ):
        base = ensure_build_base(host, say)
        below, making = built(client, base), _Making(host, client, hub, Path(directory) / "context", base)
        copied(making.context)
        say(f"{BENCH}: building the updater's image on {base}")
        ours, first = making.published("1")
        say(f"{BENCH}: building a patch release of it")
        patched(making.context)
        _, second = making.published("2")
        sizes.add(OURS, beyond(ours, below))
        name, theirs, under = _reference(client, host, base, say)
        sizes.add(name, beyond(theirs, under))
        moved.add(PATCH, {figure: bytes_moved(second, first) / MIB for figure in MOVED})
        moved.add(WHOLE, {figure: bytes_beyond(second, below.layers) / MIB for figure in MOVED})
    return sizes, moved, name


def copied(context: Path) -> None:
    """Copies what deploy/Dockerfile needs from this checkout."""
    for name in DIRECTORIES:
        shutil.copytree(ROOT / name, context / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, context / name)


def patched(context: Path) -> None:
    """Changes one module, as the smallest patch release does. The packages are the same."""
    with (context / PATCHED).open("a") as file:
        file.write("\nPATCH = 1\n")


@dataclass(frozen=True)
class _Making:
    """Builds and publishes versions of the image from `context`, on the image `base`."""

    host: str
    client: docker.DockerClient
    hub: Registry
    context: Path
    base: str

    def published(self, tag: str) -> tuple[Built, Json]:
        """Returns what the engine had, and the manifest in the registry."""
        image = f"{self.hub.host}/{REPOSITORY}:{tag}"
        try:
            self._build(image)
            found = built(self.client, image)
            self.hub.publish(self.client, image)
        finally:
            _forgotten(self.client, image)
        with plain_sync_client(timeout=60) as asking:
            url = f"http://{self.hub.host}/v2/{REPOSITORY}/manifests/{tag}"
            manifest: Json = asking.get(url, headers={"Accept": MANIFEST}).raise_for_status().json()
        return found, manifest

    def _build(self, image: str) -> None:
        file = self.context.parent / "build.json"
        file.write_text(json.dumps(build_file(self.context, self.base, image)))
        command = [*find_compose(), "--file", str(file), "--project-name", REPOSITORY, "--progress", "plain", "build"]
        env = {**os.environ, "DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "1", "COMPOSE_BAKE": "false"}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=BUILD_SECONDS)
        if done.returncode:
            raise RuntimeError(f"the updater's image could not be built:\n{(done.stdout + done.stderr)[-2000:]}")


def build_file(context: Path, base: str, image: str) -> Json:
    """The Compose file that builds the image. Compose brings BuildKit, which deploy/Dockerfile needs."""
    build = {"context": str(context), "dockerfile": FILES[0], "network": "host", "args": {"BASE": base}}
    return {"services": {"updater": {"image": image, "build": build}}}


def _reference(client: docker.DockerClient, host: str, base: str, say: Say) -> tuple[str, Built, Built]:
    """Returns the name of the reference, its image, and the base of that. Raises Missing.

    What a person would put into a container to run a script of Docker commands: Docker's own image for that, else the
    same two programs on the base of ours.
    """
    if from_registry(host, OFFICIAL_IMAGE, say) and from_registry(host, OFFICIAL_BASE, say):
        return OFFICIAL, built(client, OFFICIAL_IMAGE), built(client, OFFICIAL_BASE)
    program, compose = which("docker"), find_compose()
    if program is None or len(compose) != 1:
        raise Missing(f"{OFFICIAL_IMAGE} cannot be pulled, and this machine has no `docker` and no Compose binary")
    files = {"docker": Path(program).resolve(), "docker-compose": Path(compose[0]).resolve()}
    try:
        dockerfile = f"FROM {base}\nCOPY docker docker-compose /usr/local/bin/\n"
        packed(client, CLIENT_IMAGE, dockerfile, files)
        return CLIENT, built(client, CLIENT_IMAGE), built(client, base)
    finally:
        _forgotten(client, CLIENT_IMAGE)


def built(client: docker.DockerClient, image: str) -> Built:
    attrs = client.images.get(image).attrs
    return Built(attrs["Size"], len(attrs["RootFS"]["Layers"]))


def beyond(image: Built, base: Built) -> dict[str, float]:
    """Returns the figures of SIZE."""
    return dict(zip(SIZE, ((image.size - base.size) / MIB, image.layers - base.layers), strict=True))


def bytes_moved(manifest: Json, present: Json) -> int:
    """Returns how many bytes a pull moves, compressed, if the image `present` is here already.

    https://distribution.github.io/distribution/spec/manifest-v2-2/
    """
    known = {layer["digest"] for layer in present["layers"]}
    moved = [layer["size"] for layer in manifest["layers"] if layer["digest"] not in known]
    return int(sum(moved, manifest["config"]["size"]))


def bytes_beyond(manifest: Json, layers: int) -> int:
    """Returns how many bytes a pull moves, compressed, if only the lowest `layers` are here already."""
    above = [layer["size"] for layer in manifest["layers"][layers:]]
    return int(sum(above, manifest["config"]["size"]))


def _forgotten(client: docker.DockerClient, image: str) -> None:
    with contextlib.suppress(APIError):
        client.images.remove(image)
