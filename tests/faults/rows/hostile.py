"""Hostile input: container names that are in use, tags that are commands."""

import asyncio
import contextlib
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from deploy.demo.docker.engine import connected
from deploy.demo.repository import Variant
from tests.faults.observers import history
from tests.faults.rows.signed_tags import signatures_are_required
from tests.faults.scenario import Scenario, row
from tests.faults.stage import Stage

LONG_TAG = "v1.0.0" + "0" * 200


@row(10, "a foreign container holds a name that is needed", "it stays untouched; a clear error; E", minutes=0.5)
async def name_is_taken(scenario: Scenario) -> None:
    await scenario.went_live(await scenario.publish(), "before the name is taken")
    old, stage = await scenario.live_tag(), scenario.stage
    idle = "green" if (await stage.home.get("/status"))["active_color"] == "blue" else "blue"
    with _foreign(stage, f"{stage.home.project}-skills-{idle}-1", instead_of=f"skills-{idle}") as untouched:
        tag = await scenario.publish()
        await scenario.went_back(old, "the name of the idle color was taken", idle_kept=False)
        await _named_in_the_error(scenario, tag, f"skills-{idle}")
        scenario.result.expect(untouched(), "the foreign container was touched")
    await scenario.went_live(await scenario.publish(), "after the name is free again")


async def _named_in_the_error(scenario: Scenario, tag: str, name: str) -> None:
    entry = await scenario.ended(tag)
    error = str(entry["error"])
    scenario.result.expect(name in error and "in use" in error, f"the error names no container in use: {error[:300]}")


@contextlib.contextmanager
def _foreign(stage: Stage, name: str, instead_of: str) -> Iterator[Callable[[], bool]]:
    """Starts a foreign container under that name; yields a function that reports whether it is untouched."""
    base = next(line for line in (stage.home.live / ".env").read_text().splitlines() if "DEMO_BASE_IMAGE" in line)
    with connected(stage.home.engine.host) as client:
        for kept in stage.home.containers(instead_of):
            client.containers.get(kept["Id"]).remove(force=True)
        made = client.containers.run(base.partition("=")[2], ["sleep", "3600"], name=name, detach=True)
        try:
            yield lambda: client.containers.get(name).id == made.id and client.containers.get(name).status == "running"
        finally:
            made.remove(force=True)


@row(
    21,
    "tags that are options, paths or commands; moved, unsigned, signed for another",
    "refused with a reason; nothing executed",
    minutes=0.4,
)
async def hostile_tags(scenario: Scenario) -> None:
    stage = scenario.stage
    with tempfile.TemporaryDirectory() as directory:
        proof = Path(directory) / "executed"
        for tag in (f"--upload-pack=touch {proof}", "../x", f"v1;touch {proof}", "v1.0.0\nv2.0.0", LONG_TAG, ""):
            answer = await stage.deliver(tag, next(stage.home.release_ids))
            refused = answer.status_code == 400 or (answer.status_code == 200 and answer.json().get("reason"))
            scenario.result.expect(
                bool(refused), f"the answer to a release {tag!r} is {answer.status_code} {answer.text[:200]}"
            )
            answer = await stage.home.post("/update/apply", {"tag": tag})
            scenario.result.expect(
                answer.status_code in {400, 422}, f"apply of {tag!r} was answered {answer.status_code}"
            )
            scenario.result.repeats += 1
        scenario.result.expect(not proof.exists(), "a tag was executed")
    await _moved_tag(scenario)
    await signatures_are_required(scenario)


async def _moved_tag(scenario: Scenario) -> None:
    stage, old, kept = scenario.stage, await scenario.live_tag(), await scenario.idle_kept()
    tag = await scenario.publish(Variant.BROKEN_BUILD)
    await scenario.went_back(old, f"{tag} does not build", idle_kept=kept)
    _move(stage.home.repository.path, tag)
    answer = await stage.home.post("/update/apply", {"tag": tag, "force": True})
    scenario.result.expect(answer.status_code == 202, f"the answer to apply of the moved tag is {answer.status_code}")
    async with asyncio.timeout(60 * stage.patience):
        while len([e for e in await history(stage) if e["tag"] == tag]) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    await scenario.went_back(old, f"{tag} was moved", idle_kept=kept)
    reasons = [str(e["reason_code"]) for e in (await stage.home.get("/update/history"))["entries"] if e["tag"] == tag]
    scenario.result.expect("tag_moved" in reasons, f"the moved tag ended as {reasons}")


def _move(repository: Path, tag: str) -> None:
    """Moves a published tag to another commit."""
    (repository / "moved").write_text(tag)
    author = ("-c", "user.name=Demo", "-c", "user.email=demo@example.invalid")
    for words in (["add", "--all"], ["commit", "--quiet", "--message", "moved"], ["tag", "--force", tag]):
        subprocess.run(["git", *author, *words], cwd=repository, check=True, timeout=300, capture_output=True)
