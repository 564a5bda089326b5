import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from deploy.bench.rollout.answers import Answer, first_new, mixed_seconds, moved, watched
from deploy.demo.http1 import Target
from tests.integration.waiting import until


def test_new_version_is_first_where_it_answered_first() -> None:
    answers = [Answer(0, 1, "old"), Answer(1, 9, "new"), Answer(2, 3, "new")]
    assert first_new(answers, "new") == 3


def test_version_that_never_answers_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="new never answered"):
        first_new([Answer(0, 1, "old")], "new")


@pytest.mark.parametrize(
    ("old", "seconds"),
    [([Answer(1, 9, "old")], 0), ([Answer(3.5, 4, "old"), Answer(5, 6, "old")], 2), ([], 0)],
    ids=["begun before the new version answered", "begun later", "no other"],
)
def test_only_later_requests_are_mixed(old: list[Answer], seconds: float) -> None:
    assert mixed_seconds([*old, Answer(2, 3, "new"), Answer(6, 7, "new")], "new") == seconds


@asynccontextmanager
async def answering(version: list[str]) -> AsyncIterator[Target]:
    """A server that answers with the first of `version`, as the sample services do."""

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(EOFError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                body = json.dumps({"version": version[0]}).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield Target(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")


async def test_clients_see_the_change() -> None:
    version = ["old"]
    async with answering(version) as target:
        async with watched(target) as answers:
            await until(lambda: bool(answers))
            before = await moved([target], "old")
            version[0] = "new"
            after = await moved([target], "new")
            await until(lambda: answers[-1].version == "new")
        assert before < after
        assert {answer.version for answer in answers} == {"old", "new"}
