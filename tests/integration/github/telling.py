"""The part of a worker that reports to GitHub, as a process to be killed: `python -m … DIRECTORY URL`.

It has one release, which has just gone live, and reports it with the worker's real adapters.
"""

import asyncio
import sys
from pathlib import Path

from app.domain.stack import Color, GitHub
from app.domain.state import State
from deploy.demo.github.control import TOKEN
from deploy.demo.github.delivery import REPOSITORY
from tests.examples import NOW, a_history_entry, a_live, sha_of
from tests.fakes.world import World
from workers.adapters.github_api.client import GithubkitApi
from workers.adapters.github_api.outbox import FileOutbox
from workers.watchdogs.deployments import Deployments

ENTRY = a_history_entry("r-v1.0.0", sha=sha_of("v1.0.0"), duration_seconds=1.0)


async def report(directory: Path, url: str) -> None:
    world = World()
    await world.journal.update(lambda _: State(active_color=Color.BLUE, current=a_live("v1.0.0"), epoch=1))
    world.publisher.entries.append(ENTRY)
    github = GithubkitApi(lambda: REPOSITORY, GitHub(), api_url=url, token=TOKEN)
    async with github.open():
        await Deployments(world.ports, github, FileOutbox(directory / "github.json", NOW)).run()


if __name__ == "__main__":
    asyncio.run(report(Path(sys.argv[1]), sys.argv[2]))
