"""A network that fails for a moment delays a release, and wakes no one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploy.demo.environment import Environment
from tests.downloads import downloads, seen_from_builds

pytestmark = pytest.mark.engine


@contextmanager
def breaks_off_once(host: str) -> Iterator[str]:
    """The URL of a file whose first download breaks off."""
    begun: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            begun.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "1000" if len(begun) == 1 else "5")
            self.end_headers()
            self.wfile.write(b"whole")

        def log_message(self, *_: object) -> None:
            """Logs nothing."""

    with ThreadingHTTPServer((host, 0), Answers) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://{host}:{server.server_port}/file"
        finally:
            server.shutdown()
            serving.join()


async def test_download_that_breaks_off_is_tried_again(home: Environment) -> None:
    await home.go_live("v1.0.0")
    with breaks_off_once(seen_from_builds(home.engine.host)) as url:
        result = await home.go_live("v1.1.0", edit=lambda tree: downloads(tree, url))
    assert (result["status"], result["paused"], result["warnings"]) == ("success", False, [])
    record = await home.get(f"/update/rollouts/{result['rollout_id']}")
    (retried,) = [step for step in record["steps"] if step["retry"]]
    assert (retried["name"], retried["retry"]["attempt"]) == ("docker_build", 2)
    assert "IncompleteRead" in retried["retry"]["error"]
