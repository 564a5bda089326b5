"""Hostile input: container names that are in use, tags that are commands, secrets that could leak."""

import asyncio
import contextlib
import secrets
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from deploy.demo.clients import plain_client
from deploy.demo.engine import connected
from deploy.demo.repository import Variant
from tests.faults.listeners import black_hole
from tests.faults.observers import command_lines_with, converge, history, places_with
from tests.faults.rows.signed_tags import signatures_are_required
from tests.faults.scenario import Scenario, replace_in, row
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
        made = client.containers.run(base.partition("=")[2], ["sleep", "300"], name=name, detach=True)
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
    async with asyncio.timeout(30):
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
        subprocess.run(["git", *author, *words], cwd=repository, check=True, timeout=30, capture_output=True)


@row(28, "canary secrets in .env, a secret's file, the remote's URL and a build's output", "G", minutes=0.6)
async def canaries(scenario: Scenario) -> None:
    stage, old = scenario.stage, await scenario.live_tag()
    value, filed, password = (f"canary-{secrets.token_hex(12)}" for _ in range(3))
    needles = [value, filed, password, stage.home.secret, stage.home.env["GITHUB_WEBHOOK_SECRET"]]
    _write_canaries(stage, value, filed)
    async with _command_lines(needles) as seen:
        await scenario.publish(edit=lambda tree: _print_the_secret(tree, ""))
        await _settled(scenario)
        await scenario.publish(edit=lambda tree: _print_the_secret(tree, " && exit 1"))
        await _settled(scenario)
        with black_hole() as hole:
            source = stage.home.repository.url
            stage.configure(source=f"https://operator:{password}@127.0.0.1:{hole.port}/stack.git", times={"fetch": 3})
            await scenario.publish()
            await _settled(scenario)
            stage.configure(source=source, times={"fetch": 30})
        places = places_with(stage, needles)
        for path in ("/status", "/update/history?limit=200", "/diagnostics", "/doctor", "/metrics"):
            places += await _answer_with(stage, path, needles)
    for place in sorted({*places, *seen}):
        named = place.replace(value, "<.env>").replace(filed, "<file>").replace(password, "<URL>")
        scenario.result.expect(False, named)
    scenario.result.repeats = 3
    scenario.result.notes.append("the name of the value in .env shows that it is secret: DEMO_API_TOKEN")
    scenario.result.end = f"{len(needles)} canaries, the live release was {old}"


def _write_canaries(stage: Stage, value: str, filed: str) -> None:
    env = stage.home.live / ".env"
    kept = [line for line in env.read_text().splitlines() if not line.startswith("DEMO_API_TOKEN")]
    env.write_text("\n".join([*kept, f"DEMO_API_TOKEN={value}", ""]))
    (stage.home.live / "canary.txt").write_text(value)
    (stage.home.live / "secrets").mkdir(exist_ok=True)
    (stage.home.live / "secrets" / "build-token").write_text(f"{filed}\n")


def _print_the_secret(tree: Path, then: str) -> None:
    """Adds a build step that gets secrets as build secrets and prints them."""
    compose = tree / "docker-compose.yml"
    replace_in(
        compose,
        "    dockerfile: skills/Dockerfile\n",
        "    dockerfile: skills/Dockerfile\n    secrets: [canary, token]\n",
    )
    files = "  canary: {file: ./canary.txt}\n  token: {file: ./secrets/build-token}\n"
    compose.write_text(f"{compose.read_text()}\nsecrets:\n{files}")
    file = tree / "skills" / "Dockerfile"
    mounts = " ".join(f"--mount=type=secret,id={name},mode=0444" for name in ("canary", "token"))
    shown = f"RUN {mounts} cat /run/secrets/canary /run/secrets/token{then}\n"
    file.write_text(file.read_text().replace("USER 65532", f"{shown}USER 65532"))


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
