"""A container's own health check on a real Docker Engine: it runs as the engine runs it, once at a time."""

import io
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from docker.models.containers import Container

from deploy.demo.docker.engine import Engine, connected
from tests.integration.waiting import once_up, until
from workers.adapters.docker_host.client import Docker
from workers.adapters.docker_host.health_check import check
from workers.ports import CheckResult

pytestmark = pytest.mark.engine

SECOND = 1_000_000_000
SELDOM = 3600 * SECOND
LIMIT = 120.0
SLEEPS = ["python3", "-c", "import time; time.sleep(600)"]
HANGS = "import time; time.sleep(700)"
SAYS_WHO_AND_WHERE = 'echo "$(id -u):$(id -g) in $(pwd), FLAVOR is $FLAVOR, by $0"; exit 3'

Make = Callable[..., Container]
Run = Callable[..., Any]


@pytest.fixture
def make(engine: Engine, images: tuple[str, str]) -> Iterator[Make]:
    """A function that starts a sleeping container with the health check `test`."""
    made: list[Container] = []
    with connected(engine.host) as client:

        def start(*test: str, interval: int = SELDOM, timeout: int = 10 * SECOND, **options: Any) -> Container:
            config = {
                "Image": images[0],
                "Cmd": SLEEPS,
                "Healthcheck": {"Test": list(test), "Interval": interval, "Timeout": timeout},
                "HostConfig": {"Init": True},
                **options,
            }
            made.append(client.containers.get(client.api.create_container_from_config(config)["Id"]))  # type: ignore[no-untyped-call]
            made[-1].start()
            return made[-1]

        try:
            yield start
        finally:
            for container in made:
                container.remove(force=True)


@pytest.fixture
def run(engine: Engine) -> Iterator[Run]:
    with connected(engine.host) as client:
        docker = Docker(client, engine.host)

        async def once(container: Container, limit: float = LIMIT) -> CheckResult:
            return await check(docker, str(container.id), limit)

        yield once


@pytest.fixture
def seasoned(engine: Engine, images: tuple[str, str]) -> Iterator[str]:
    """An image with its own user, working directory, shell and environment."""
    name = f"zu-test-{uuid4().hex[:8]}:1"
    text = f'FROM {images[0]}\nSHELL ["/bin/bash", "-ec"]\nWORKDIR /opt\nENV FLAVOR=salt\nUSER 1234:4321\n'
    with connected(engine.host) as client:
        client.images.build(fileobj=io.BytesIO(text.encode()), tag=name, rm=True)
        try:
            yield name
        finally:
            client.images.remove(name, force=True)


def engines_words(container: Container) -> str:
    """The output of the engine's last run of the check; empty before the first run."""
    container.reload()
    log = container.attrs["State"]["Health"]["Log"]
    return str(log[-1]["Output"]).strip() if log else ""


def state_of(container: Container) -> str:
    container.reload()
    return str(container.status)


def processes(container: Container, words: str) -> int:
    return sum(words in line[-1] for line in container.top()["Processes"])


async def test_check_runs_as_the_engine_runs_it(make: Make, run: Run, seasoned: str) -> None:
    """The engine uses the shell of the container's configuration, not the image's."""
    by_options = {"User": "65532:65532", "WorkingDir": "/srv", "Env": ["FLAVOR=pepper"], "Shell": ["/bin/bash", "-ec"]}
    for options, expected in (
        ({"Image": seasoned}, "1234:4321 in /opt, FLAVOR is salt, by /bin/sh"),
        ({"Image": seasoned} | by_options, "65532:65532 in /srv, FLAVOR is pepper, by /bin/bash"),
        (by_options, "65532:65532 in /srv, FLAVOR is pepper, by /bin/bash"),
    ):
        container = make("CMD-SHELL", SAYS_WHO_AND_WHERE, **options)
        assert await run(container) == CheckResult(False, f"exit code 3: {expected}")
        often = make("CMD-SHELL", SAYS_WHO_AND_WHERE, interval=SECOND // 5, **options)
        await until(lambda c=often: bool(engines_words(c)))  # type: ignore[misc]
        assert engines_words(often) == expected


async def test_exec_form_check_uses_no_shell(make: Make, run: Run) -> None:
    container = make("CMD", "python3", "-c", "import sys; print(sys.argv[1:])", "a b", "$HOME; exit 3")
    assert await run(container) == CheckResult(True, "exit code 0: ['a b', '$HOME; exit 3']")


async def test_hanging_check_runs_once_until_restart(make: Make, run: Run) -> None:
    container = make("CMD", "python3", "-c", HANGS, timeout=SECOND)
    assert await run(container) == CheckResult(False, "the check did not end within 1 s")
    for _ in range(3):
        assert await run(container) == CheckResult(False, "an earlier run of the check has not ended yet")
    assert processes(container, HANGS) == 1
    container.restart(timeout=1)
    assert processes(container, HANGS) == 0
    assert await run(container, 0.5) == CheckResult(False, "the check did not end within 0.5 s")


async def test_no_check_starts_beside_the_engines_own(make: Make, run: Run) -> None:
    container = make("CMD", "python3", "-c", HANGS, interval=SECOND // 5, timeout=60 * SECOND)
    await until(once_up(lambda: processes(container, HANGS) == 1))
    assert await run(container) == CheckResult(False, "an earlier run of the check has not ended yet")
    assert processes(container, HANGS) == 1


async def test_background_process_does_not_delay_check(make: Make, run: Run) -> None:
    container = make("CMD-SHELL", "sleep 700 & echo done")
    started = time.monotonic()
    assert await run(container) == CheckResult(True, "exit code 0: done")
    assert time.monotonic() - started < LIMIT / 2
    assert processes(container, "sleep 700") == 1


async def test_check_reads_large_output_to_the_end(make: Make, run: Run) -> None:
    container = make("CMD", "python3", "-c", "print('x' * 5_000_000)", timeout=60 * SECOND)
    assert (await run(container)).passed


async def test_refused_check_fails_with_engines_message(make: Make, run: Run) -> None:
    container = make("CMD", "true")
    container.pause()
    refused = await run(container)
    assert (refused.passed, "paused" in refused.words) == (False, True)
    container.unpause()
    assert (await run(container)).passed


async def test_check_that_ends_its_container_fails(make: Make, run: Run) -> None:
    container = make("CMD-SHELL", "kill 1; sleep 700")
    assert not (await run(container)).passed
    await until(lambda: state_of(container) == "exited")
