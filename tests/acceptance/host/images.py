"""Builds the images that deploy/docker-compose.yml pins, under the pinned names.

Real: Traefik (its static binary), Redis, PostgreSQL and HAProxy (the distribution's packages). Stand-ins, which only
answer on their port and identify themselves: qdrant, ollama, cloudflared.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import docker
import pytest
from docker.errors import APIError, ImageNotFound

from deploy.demo.docker.engine import Say
from deploy.demo.docker.images import bootstrap, packed, traefik_binary, trusting

HERE = Path(__file__).parent
GIT_BASE = "updater-test-git:2"
"""Has git, and not ssh-keygen: deploy/Dockerfile has to install it."""

PARTS_BASE = "updater-test-parts:1"
PARTS = ("python3-venv", "haproxy", "redis-server", "postgresql")

POSTGRES = f"""\
FROM {PARTS_BASE}
COPY postgres.sh /usr/local/bin/postgres.sh
RUN install -d -o postgres -g postgres -m 0700 /var/lib/postgresql/data && install -d -m 1777 /run/postgresql \\
    && ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/
ENV PGDATA=/var/lib/postgresql/data
CMD ["sh", "/usr/local/bin/postgres.sh"]
"""


@dataclass(frozen=True)
class Part:
    """The source of an image: its Dockerfile, and the files that it copies."""

    dockerfile: str
    files: Mapping[str, Path] = field(default_factory=dict)


def stand_in(name: str, port: int, program: str) -> Part:
    dockerfile = (
        f"FROM {PARTS_BASE}\nCOPY stand_in.py /usr/local/bin/{program}\nRUN chmod 0755 /usr/local/bin/{program}\n"
        f'ENV STAND_IN_FOR={name} STAND_IN_PORT={port}\nENTRYPOINT ["{program}"]\n'
    )
    return Part(dockerfile, {"stand_in.py": HERE / "stand_in.py"})


def parts() -> dict[str, Part]:
    """The sources by image name, without its tag."""
    return {
        "traefik": Part(
            'FROM scratch\nCOPY traefik /usr/local/bin/traefik\nENTRYPOINT ["traefik"]\n',
            {"traefik": traefik_binary()},
        ),
        "redis": Part(f"FROM {PARTS_BASE}\nRUN install -d -o redis -g redis /data\n"),
        "haproxy": Part(f"FROM {PARTS_BASE}\n"),
        "postgres": Part(POSTGRES, {"postgres.sh": HERE / "postgres.sh"}),
        "qdrant/qdrant": stand_in("qdrant", 6333, "qdrant"),
        "ollama/ollama": stand_in("ollama", 11434, "ollama"),
        "cloudflare/cloudflared": stand_in("cloudflared", 2000, "cloudflared"),
    }


@contextlib.contextmanager
def pinned_images(client: docker.DockerClient, names: set[str], say: Say) -> Iterator[None]:
    """Builds the images `names`, and removes them at the end. Skips the test if one exists: it belongs to the user."""
    if present := sorted(name for name in names if _has(client, name)):
        pytest.skip(f"this engine has {', '.join(present)} already: UPDATER_TEST_OWN_ENGINE=1 starts one without")
    bases(client, say)
    known = parts()
    try:
        for name in sorted(names):
            part = known[name.partition(":")[0]]
            packed(client, name, part.dockerfile, part.files)
        yield
    finally:
        for name in names:
            with contextlib.suppress(APIError):
                client.images.remove(name)


def bases(client: docker.DockerClient, say: Say) -> None:
    """Builds the base images and keeps them for the next run, like the demo's."""
    if not _has(client, GIT_BASE):
        bootstrap(client, GIT_BASE, say, packages=["git", "apt"])
    if not _has(client, PARTS_BASE):
        bare = bootstrap(client, f"{PARTS_BASE}-bare", say, variant="minbase", packages=PARTS)
        trusting(client, PARTS_BASE, bare)


def _has(client: docker.DockerClient, name: str) -> bool:
    with contextlib.suppress(ImageNotFound):
        client.images.get(name)
        return True
    return False
