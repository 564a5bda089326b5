"""The one-shot that replaces the updater by the one of a new release, or puts the old one back.

`python -m workers.successor SHA NEW OLD`: the release, and the Compose models of the new and of the old updater.
It may be killed at any moment: started again it looks first, and all that it does can be done twice.
"""

import asyncio
import os
import sys
from pathlib import Path

import docker
import structlog

from app.domain.errors import UpdaterError
from app.logs import configure_logs
from app.settings import WorkerSettings
from app.stack_file import load_stack
from workers.adapters.compose import Compose, find_compose
from workers.adapters.docker_client import CALL_SECONDS, Docker
from workers.adapters.own_containers import OwnContainers
from workers.succession import Outcome

INSTALL_SECONDS = 60.0
WELL_SECONDS = 60.0
"""How long the new updater may take to be healthy: its worker waits for the lease of the one before it."""

POLL_SECONDS = 1.0

log = structlog.get_logger()


async def succeed(own: OwnContainers, sha: str, new: Path, old: Path) -> Outcome:
    """The new updater where it gets well, else the old one again."""
    if why := await _install(own, new):
        log.error("the new updater is not well: the old one is put back", reason=why)
        left = await _install(own, old)
        return Outcome(sha, f"{why}; {left or 'the old one runs again'}")
    return Outcome(sha)


async def _install(own: OwnContainers, model: Path) -> str | None:
    """Why it is not well, or None. What runs already is not touched."""
    try:
        await own.install(model, INSTALL_SECONDS)
        async with asyncio.timeout(WELL_SECONDS):
            while not (await own.running() == await own.wanted(model) and await own.healthy()):  # noqa: ASYNC110
                await asyncio.sleep(POLL_SECONDS)
    except UpdaterError as error:
        return str(error)
    except TimeoutError:
        return f"it was not healthy within {WELL_SECONDS:.0f} s"
    return None


async def run(settings: WorkerSettings, sha: str, new: Path, old: Path) -> None:
    stack = load_stack(settings.stack_file, repository=settings.repository)
    if stack.updater is None:
        raise SystemExit("the stack file does not name the updater's own services")
    client = docker.DockerClient(base_url=settings.docker_host, timeout=int(CALL_SECONDS))
    compose = Compose(find_compose(settings.compose_command), stack.project, settings.docker_host)
    own = OwnContainers(Docker(client), compose, stack.project, stack.updater, settings.data_dir / "succession")
    try:
        own.record(outcome := await succeed(own, sha, new, old))
        log.info("the succession has ended", why=outcome.why or "the new updater runs")
    finally:
        client.close()


def main() -> None:
    """`python -m workers.successor SHA NEW OLD`."""
    configure_logs()
    sha, new, old = sys.argv[1:]
    asyncio.run(run(WorkerSettings.from_environ(os.environ), sha, Path(new), Path(old)))


if __name__ == "__main__":
    main()
