import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import docker
import pytest

from app.domain.errors import EngineFailed
from tests.examples import a_stack, sha_of
from workers.adapters.docker_host.client import Docker
from workers.adapters.docker_host.prune import prune_images
from workers.definition.transform import image_name

OLD = image_name("shop", "bot", sha_of("v1.0.0"))
SIZE = 1000


class EngineThatRefuses(ThreadingHTTPServer):
    """An engine with the image OLD. `status` is its answer to each removal of an image."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Api)
        self.status = 200
        self.removed: list[str] = []


class _Api(BaseHTTPRequestHandler):
    server: EngineThatRefuses

    def do_GET(self) -> None:
        image = {"Id": "sha256:1", "RepoTags": [OLD], "Size": SIZE}
        self._answer(200, image if self.path.endswith("/sha256:1/json") else [image])

    def do_DELETE(self) -> None:
        self.server.removed.append(self.path)
        refused = {"message": f"HTTP {self.server.status}"}
        self._answer(self.server.status, refused if self.server.status != 200 else [{"Untagged": OLD}])

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


@pytest.fixture
def engine() -> Iterator[EngineThatRefuses]:
    with EngineThatRefuses() as engine:
        serving = threading.Thread(target=engine.serve_forever, args=(0.02,))
        serving.start()
        yield engine
        engine.shutdown()
        serving.join()


async def freed(engine: EngineThatRefuses) -> int:
    host = f"tcp://127.0.0.1:{engine.server_address[1]}"
    client = docker.DockerClient(base_url=host, version="1.41")
    try:
        return await prune_images(Docker(client, host), a_stack(), keep=(), named=())
    finally:
        client.close()


@pytest.mark.parametrize(("status", "bytes_freed"), [(200, SIZE), (409, 0), (404, 0)])
async def test_image_that_is_needed_or_gone_frees_nothing(
    engine: EngineThatRefuses, status: int, bytes_freed: int
) -> None:
    engine.status = status
    assert await freed(engine) == bytes_freed
    assert len(engine.removed) == 1


@pytest.mark.parametrize("status", [403, 500])
async def test_other_refusal_is_reported(engine: EngineThatRefuses, status: int) -> None:
    engine.status = status
    with pytest.raises(EngineFailed, match=f"HTTP {status}"):
        await freed(engine)
