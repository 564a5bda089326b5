"""Secrets of the operator that a release prints, in every form and at every moment at which a person reads it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

from deploy.demo.clients import plain_client
from tests.faults.breakage.listeners import black_hole
from tests.faults.observers import command_lines_with, converge, places_with
from tests.faults.releases import canaries as files
from tests.faults.releases.bad import Edit
from tests.faults.scenario import Scenario, row
from tests.faults.stage import Stage

COMMAND = {"service": "skills", "command": ["python3", files.PRINTER], "limit": 30}
PATHS = ("/status", "/update/history?limit=200", "/diagnostics", "/doctor", "/metrics")

RELEASES: Mapping[str, tuple[Edit, tuple[str, ...]]] = {
    "a good release": (files.printed(), (files.IN_BUILD, files.BEFORE_FLIP)),
    "a build that fails": (files.printed(build="exit 1"), (files.IN_BUILD,)),
    "a command that fails": (files.printed(command=files.FAILS), (files.BEFORE_FLIP,)),
    "a bot that crashes": (files.printed_by_a_crash, (files.IN_BOT,)),
    "a health check that fails": (files.printed(bot=files.FAILS), (files.IN_BOT,)),
}
"""Releases, and where each must have printed something."""


@row(
    28,
    "canary secrets in env files, a secret's file and the remote's URL; printed by a build, commands, a crash, a check",
    "G",
    minutes=1.5,
)
async def canaries(scenario: Scenario) -> None:
    stage, old, hidden = scenario.stage, await scenario.live_tag(), files.Canaries()
    named = hidden.needles() | {stage.home.secret: "<shared>", stage.home.env["GITHUB_WEBHOOK_SECRET"]: "<webhook>"}
    needles = list(named)
    hidden.write(stage.home.live)
    stage.configure(env_files=[".env", files.SECOND_ENV], before_flip=[COMMAND])
    async with _command_lines(needles) as seen:
        try:
            for what, (edit, printers) in RELEASES.items():
                await _prints(scenario, what, edit, printers)
        finally:
            stage.configure(before_flip=[])
        await _remote_does_not_answer(scenario, hidden.password)
        places = places_with(stage, needles)
        for path in PATHS:
            places += await _answer_with(stage, path, needles)
    for place in sorted({*places, *seen}):
        scenario.result.expect(False, _without(place, named))
    scenario.result.repeats = len(RELEASES) + 1
    scenario.result.end = f"{len(needles)} canaries and forms of them, the live release was {old}"


async def _prints(scenario: Scenario, what: str, edit: Edit, printers: Sequence[str]) -> None:
    """Publishes a release and waits for its end. Where nothing was hidden, the row would prove nothing."""
    before = {printer: _times_hidden(scenario.stage, printer) for printer in printers}
    await scenario.publish(edit=edit)
    await _settled(scenario)
    for printer in printers:
        more = _times_hidden(scenario.stage, printer) - before[printer]
        scenario.result.expect(more > 0, f"{what}: nothing is hidden after {printer!r} in the logs of rollouts")


def _times_hidden(stage: Stage, printer: str) -> int:
    logs = (stage.home.directory / "data" / "logs").glob("*")
    return sum(file.read_bytes().count(f"{printer} [hidden]".encode()) for file in logs if file.is_file())


async def _remote_does_not_answer(scenario: Scenario, password: str) -> None:
    stage = scenario.stage
    with black_hole() as hole:
        source = stage.home.repository.url
        stage.configure(source=f"https://operator:{password}@127.0.0.1:{hole.port}/stack.git", times={"fetch": 3})
        await scenario.publish()
        await _settled(scenario)
        stage.configure(source=source, times={"fetch": 30})


def _without(place: str, named: Mapping[str, str]) -> str:
    for needle in sorted(named, key=len, reverse=True):
        place = place.replace(needle, named[needle])
    return place


async def _settled(scenario: Scenario) -> None:
    scenario.result.converged(await converge(scenario.stage, decided=scenario.last_tag))
    await scenario.stage.home.post("/update/unpause")


async def _answer_with(stage: Stage, path: str, needles: list[str]) -> list[str]:
    headers = {"X-Updater-Secret": stage.home.secret}
    async with plain_client(timeout=30, headers=headers) as client:
        text = (await client.get(f"{stage.home.internal_url}{path}")).text
    return [f"{needle} in the answer to {path}" for needle in needles if needle in text]


@contextlib.asynccontextmanager
async def _command_lines(needles: list[str]) -> AsyncIterator[set[str]]:
    seen: set[str] = set()
    looking = asyncio.create_task(command_lines_with(needles, seen))
    try:
        yield seen
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
