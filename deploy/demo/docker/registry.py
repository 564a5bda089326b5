"""A private registry on the loopback interface: the distribution's `docker-registry`."""

import base64
import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import docker
import yaml
from docker.errors import ImageNotFound

from deploy.demo.distribution.packages import Say
from deploy.demo.distribution.unpacked import program_of
from deploy.demo.docker.images import packed
from deploy.demo.listening import listening
from deploy.demo.processes import ROOT, free_port

ONE_FILE = {"one": Path(__file__)}
"""For images that need no more: `FROM scratch` and `COPY one /`."""

UNPACKED = ROOT / ".cache" / "registry"
USER, PASSWORD = "joe", "geheim-4711"
_HTPASSWD = f"{USER}:$2b$04$gSZNcF6owqBoMnzYb5WNmu8OJRrPKPJblcy2NOWeKnLPAOSx4sL4K\n"
"""PASSWORD by bcrypt, the only form that the registry reads."""


@dataclass(frozen=True)
class Registry:
    """`host` is its address in image names. `locked`: it asks for USER and PASSWORD."""

    host: str
    locked: bool

    def push(
        self, client: docker.DockerClient, name: str, dockerfile: str, files: Mapping[str, Path] = ONE_FILE
    ) -> str:
        """Builds and publishes `name` (repository:tag) from `files` (name → path); returns its digest.

        What the engine has under that name stays.
        """
        here = f"{self.host}/{name}"
        before = _id_of(client, here)
        packed(client, here, dockerfile, files)
        digest = self.publish(client, here)
        if before is not None:
            repository, _, tag = here.rpartition(":")
            client.api.tag(before, repository, tag)
        return digest

    def publish(self, client: docker.DockerClient, image: str) -> str:
        """Publishes what the engine has as `image` (`host`, repository and tag), and removes that name from the engine.

        Returns its digest.
        """
        credentials = {"username": USER, "password": PASSWORD} if self.locked else None
        repository, _, tag = image.rpartition(":")
        lines = client.api.push(repository, tag, stream=True, decode=True, auth_config=credentials)
        digests = [line["aux"]["Digest"] for line in lines if "aux" in line]
        client.images.remove(image)
        return str(digests[0])

    def credentials(self, password: str = PASSWORD) -> str:
        """The text of a `config.json` for this registry."""
        word = base64.b64encode(f"{USER}:{password}".encode()).decode()
        return json.dumps({"auths": {self.host: {"auth": word}}})


@contextlib.contextmanager
def registry(directory: Path, say: Say, *, locked: bool = False) -> Iterator[Registry]:
    """Runs an empty registry with its data in `directory`. Raises EngineUnavailable if the program is missing."""
    program, port = program_of("docker-registry", "docker-registry", UNPACKED, say), free_port()
    directory.mkdir(parents=True)
    (directory / "htpasswd").write_text(_HTPASSWD)
    auth = {"auth": {"htpasswd": {"realm": "test", "path": str(directory / "htpasswd")}}} if locked else {}
    config = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(directory / "data")}},
        "http": {"addr": f"127.0.0.1:{port}"},
        **auth,
    }
    (directory / "config.yml").write_text(yaml.safe_dump(config))
    command: Sequence[str] = [program, "serve", str(directory / "config.yml")]
    with listening(list(command), {}, port, directory / "registry.log"):
        yield Registry(f"127.0.0.1:{port}", locked)


def _id_of(client: docker.DockerClient, image: str) -> str | None:
    with contextlib.suppress(ImageNotFound):
        return str(client.images.get(image).id)
    return None
