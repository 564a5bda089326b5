"""The contract of the engine port, tested on the fake and on the real engine."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from app.domain.errors import BeforeFlipFailed, BuildFailed, EngineFailed, PolicyRefused, ReleaseNotKept, StartFailed
from app.domain.release_stack import Role
from app.domain.stack import Color
from deploy.demo.repository import Variant
from tests.examples import sha_of
from tests.fakes.world import World
from tests.integration.engine.sample_stack import BLUE, BOT, GREEN, MOVED, Sample, start_one
from tests.integration.waiting import until
from workers.ports import Comparison, Definition, Engine, Stamp

GRACE = 1.0
UNKNOWN_ID = "0" * 64

V1, V2, SAME_BOT, BROKEN, NO_START = "v1.0.0", "v2.0.0", "v2.0.1", "v3.0.0", "v4.0.0"
"""The releases. SAME_BOT has V2's bot; the skills of BROKEN do not build, and those of NO_START do not start."""


FAILS, HANGS, ONE_WAY = "v5.0.0", "v5.0.1", "v6.0.0"
"""A one-off command fails in the skills of FAILS, and hangs in those of HANGS; ONE_WAY cannot be rolled back."""

FORBIDDEN = "v6.1.0"
"""The bot of FORBIDDEN is privileged, which the stack's policy forbids."""

SELDOM, UNWELL, UNCHECKED, NO_CHECK, CHECK_HANGS = "v7.0.0", "v7.1.0", "v7.2.0", "v7.3.0", "v7.4.0"
"""The engine runs these releases' health checks once an hour. The skills of UNWELL answer their check with 503, those
of UNCHECKED have no check, the check of NO_CHECK names a missing program, and the check of CHECK_HANGS hangs."""

SLOW_STOP = "v8.0.0"
"""The bot of SLOW_STOP takes STOP_SECONDS to stop: meanwhile the test asks the engine twice."""

STOP_SECONDS = 15

PATIENT = "v8.1.0"
"""The bot of PATIENT has 90 s to stop."""

COPIES = "v9.0.0"
"""The skills of COPIES have three copies."""
CREW = "v8.2.0"
"""There are three copies of the skills of CREW, and its bot has a command that ends at once."""

SUCCEEDS = ("python3", "-c", "print('migrated')")
BREAKS = ("python3", "-c", "print('no such column'); raise SystemExit(3)")
NEVER_ENDS = ("python3", "-c", "import time; print('begun', flush=True); time.sleep(3600)")
LIMIT, SHORT = 120.0, 15.0
"""Seconds. Compose creates a container within SHORT."""


class Bench(Protocol):
    """An empty engine, and releases for it."""

    @property
    def engine(self) -> Engine: ...
    def stamp(self, tag: str, rollout: str = "") -> Stamp: ...
    async def define(self, tag: str, rollout: str = "") -> Definition: ...
    async def compare(self, tag: str) -> Comparison: ...
    async def built(self, tag: str, *services: str) -> Definition: ...


class FakeBench:
    def __init__(self) -> None:
        self.engine = World().engine
        self.engine.behave("bot", SAME_BOT, image=f"bot:{V2}")
        self.engine.behave("skills", BROKEN, builds=False)
        self.engine.behave("skills", NO_START, starts=False)
        self.engine.behave("skills", FAILS, exit_code=3)
        self.engine.behave("skills", HANGS, run_seconds=3600)
        self.engine.behave("bot", SLOW_STOP, stop_seconds=STOP_SECONDS)
        self.engine.behave("bot", PATIENT, stop_grace=90)
        self.engine.behave("skills", COPIES, copies=3)
        self.engine.behave("skills", CREW, copies=3)
        self.engine.one_ways = {ONE_WAY}
        self.engine.forbidden = {FORBIDDEN: "bot uses privileged (privileged: true)"}
        for tag in (SELDOM, UNWELL, UNCHECKED, NO_CHECK, CHECK_HANGS):
            self.engine.behave("skills", tag, own_interval=3600)
        self.engine.behave("skills", UNWELL, status=503)
        self.engine.behave("skills", UNCHECKED, own_check=False)
        self.engine.behave("skills", NO_CHECK, check_starts=False)
        self.engine.behave("skills", CHECK_HANGS, check_seconds=3600)

    def stamp(self, tag: str, rollout: str = "") -> Stamp:
        return Stamp(tag, sha_of(tag), rollout or f"r-{tag}")

    async def define(self, tag: str, rollout: str = "") -> Definition:
        return await self.engine.define(Path("/trees") / sha_of(tag), self.stamp(tag, rollout))

    async def compare(self, tag: str) -> Comparison:
        return await self.engine.compare(Path("/trees") / sha_of(tag), self.stamp(tag), None)

    async def built(self, tag: str, *services: str) -> Definition:
        definition = await self.define(tag)
        await self.engine.build(definition, services or MOVED, lambda _: None)
        return definition


def no_command(tree: Path) -> None:
    file = tree / "skills" / "Dockerfile"
    file.write_text(file.read_text().replace('CMD ["python3"', 'CMD ["/no/such/command"'))


def no_way_back(tree: Path) -> None:
    file = tree / "docker-compose.yml"
    text = file.read_text()
    assert "  bot:\n" in text
    file.write_text(text.replace("  bot:\n", "  bot:\n    labels: {updater.rollback: never}\n"))


def privileged_bot(tree: Path) -> None:
    file = tree / "docker-compose.yml"
    text = file.read_text()
    assert "  bot:\n" in text
    file.write_text(text.replace("  bot:\n", "  bot:\n    privileged: true\n"))


def slow_to_stop(tree: Path) -> None:
    file = tree / "docker-compose.yml"
    text = file.read_text()
    assert "  bot:\n" in text
    command = f"""[sh, -c, "trap 'sleep {STOP_SECONDS}; exit' TERM; echo up; while :; do sleep 0.1; done"]"""
    file.write_text(text.replace("  bot:\n", f"  bot:\n    command: {command}\n"))


def patient(tree: Path) -> None:
    file = tree / "docker-compose.yml"
    text = file.read_text()
    assert "  bot:\n" in text
    file.write_text(text.replace("  bot:\n", "  bot:\n    stop_grace_period: 1m30s\n"))


def with_copies(tree: Path) -> None:
    file = tree / "docker-compose.yml"
    text = file.read_text()
    assert "x-skills: &skills\n" in text
    file.write_text(text.replace("x-skills: &skills\n", "x-skills: &skills\n  deploy: {replicas: 3}\n"))


def crew(tree: Path) -> None:
    with_copies(tree)
    file = tree / "docker-compose.yml"
    command = """[python3, -c, "print('its own command')"]"""
    file.write_text(file.read_text().replace("  bot:\n", f"  bot:\n    command: {command}\n"))


def checked_by(test: str | None = None) -> Callable[[Path], None]:
    """Returns an edit that runs the skills' health check once an hour and replaces it with `test` (Compose syntax)."""

    def edit(tree: Path) -> None:
        file = tree / "docker-compose.yml"
        text = file.read_text()
        assert OWN_CHECK in text
        assert "${DEMO_HEALTH_INTERVAL:-10s}" in text
        text = text.replace("${DEMO_HEALTH_INTERVAL:-10s}", "1h")
        file.write_text(text.replace(OWN_CHECK, test or OWN_CHECK))

    return edit


OWN_CHECK = '[CMD, python3, -IS, healthcheck.py, "http://127.0.0.1:8080/health"]'
HANGING_CHECK = "[CMD, python3, -c, 'import time; time.sleep(3600)']"


class EngineContract:
    async def test_build_makes_and_logs_one_image_each(self, bench: Bench) -> None:
        lines: list[str] = []
        images = await bench.engine.build(await bench.define(V1), [BLUE, BOT], lines.append)
        assert set(images) == {BLUE, BOT}
        assert len(set(images.values())) == 2
        assert lines

    async def test_broken_build_blames_the_release(self, bench: Bench) -> None:
        with pytest.raises(BuildFailed) as failed:
            await bench.engine.build(await bench.define(BROKEN), [BLUE], lambda _: None)
        assert failed.value.service == BLUE
        assert failed.value.last_lines

    async def test_started_instance_names_its_release(self, bench: Bench) -> None:
        definition = await bench.built(V1, BLUE)
        started = await start_one(bench.engine, definition, BLUE)
        seen = await bench.engine.inspect(started.id)
        assert seen.running
        assert seen.address
        assert (seen.service, seen.rollout, seen.sha) == (BLUE, f"r-{V1}", bench.stamp(V1).sha)
        assert [i.id for i in await bench.engine.find(BLUE)] == [started.id]
        assert await bench.engine.find(BOT) == []

    async def test_start_replaces_a_stopped_instance(self, bench: Bench) -> None:
        old = await start_one(bench.engine, await bench.built(V1, BLUE), BLUE)
        await bench.engine.stop(old.id, GRACE)
        new = await start_one(bench.engine, await bench.built(V2, BLUE), BLUE)
        assert new.sha == bench.stamp(V2).sha
        assert [i.id for i in await bench.engine.find(BLUE)] == [new.id]

    async def test_services_start_together_in_order(self, bench: Bench) -> None:
        services = [BOT, BLUE]
        instances = await bench.engine.start(await bench.built(V1, *services), services)
        assert [i.service for i in instances] == services
        assert all([(await bench.engine.inspect(i.id)).running for i in instances])

    async def test_start_runs_every_copy(self, bench: Bench) -> None:
        """Also of a release with more or fewer copies than the stopped ones before it."""
        services = [BOT, BLUE]
        for tag, number in ((V1, 1), (COPIES, 3), (V2, 1)):
            started = await bench.engine.start(await bench.built(tag, *services), services)
            assert [i.service for i in started] == [BOT, *[BLUE] * number]
            assert {i.id for i in await bench.engine.find(BLUE)} == {i.id for i in started[1:]}
            seen = [await bench.engine.inspect(i.id) for i in started]
            assert all(i.running and i.address and i.sha == bench.stamp(tag).sha for i in seen)
            assert number == 1 or len({i.host for i in seen[1:]}) == number
            for instance in started:
                await bench.engine.stop(instance.id, GRACE)
                await (bench.engine.remove(instance.id) if instance.service == BOT else asyncio.sleep(0))

    async def test_comparison_says_how_many_copies_run(self, bench: Bench) -> None:
        copies = {d.service: d.copies for d in (await bench.compare(COPIES)).moved}
        assert (copies[BLUE], copies[BOT]) == (3, 1)

    async def test_create_starts_nothing_and_keeps_the_old(self, bench: Bench) -> None:
        old = await start_one(bench.engine, await bench.built(V1, BOT), BOT)
        new = await bench.engine.create(await bench.built(V2, BOT), BOT)
        assert (new.state, new.sha, new.address) == ("created", bench.stamp(V2).sha, None)
        assert new.gone
        assert (await bench.engine.inspect(old.id)).running
        assert {i.id for i in await bench.engine.find(BOT)} == {old.id, new.id}
        assert [i.id for i in await bench.engine.find(BOT, rollout=f"r-{V2}")] == [new.id]

    async def test_copies_are_created_beside_the_old_ones(self, bench: Bench) -> None:
        old = await start_one(bench.engine, await bench.built(V1, BLUE), BLUE)
        definition = await bench.built(CREW, BLUE)
        assert await bench.engine.copies(definition, BLUE) == 3
        new = {i.id for i in await bench.engine.create_copies(definition, BLUE)}
        found = {i.id: i for i in await bench.engine.find(BLUE)}
        assert (len(new), set(found)) == (3, {*new, old.id})
        assert [found[each].state for each in new] == ["created"] * 3
        assert found[old.id].running
        assert {i.id for i in await bench.engine.create_copies(definition, BLUE)} == new, "it is repeatable"
        for each in new:
            await bench.engine.resume(each)
        assert all([(await bench.engine.inspect(each)).running for each in new])

    async def test_missing_copies_are_completed(self, bench: Bench) -> None:
        definition = await bench.built(CREW, BLUE)
        first, *_ = [i.id for i in await bench.engine.create_copies(definition, BLUE)]
        await bench.engine.remove(first)
        left = {i.id for i in await bench.engine.find(BLUE)}
        completed = {i.id for i in await bench.engine.create_copies(definition, BLUE)}
        assert len(completed) == 3
        assert completed > left

    async def test_release_without_the_service_has_no_copies(self, bench: Bench) -> None:
        with pytest.raises(ReleaseNotKept):
            await bench.engine.copies(bench.engine.defined("f" * 40), BLUE)

    async def test_stopped_instance_can_be_resumed(self, bench: Bench) -> None:
        bot = await start_one(bench.engine, await bench.built(V1, BOT), BOT)
        ended = await bench.engine.stop(bot.id, GRACE)
        assert ended.gone
        assert (await bench.engine.inspect(bot.id)).gone
        for _ in range(2):
            await bench.engine.resume(bot.id)
            assert (await bench.engine.inspect(bot.id)).running

    async def test_a_created_instance_can_be_resumed(self, bench: Bench) -> None:
        bot = await bench.engine.create(await bench.built(V1, BOT), BOT)
        await bench.engine.resume(bot.id)
        assert (await bench.engine.inspect(bot.id)).running

    async def test_stop_accepts_a_gone_instance(self, bench: Bench) -> None:
        bot = await start_one(bench.engine, await bench.built(V1, BOT), BOT)
        for _ in range(2):
            assert (await bench.engine.stop(bot.id, GRACE)).gone
        await bench.engine.remove(bot.id)
        for instance in (bot.id, UNKNOWN_ID):
            assert (await bench.engine.stop(instance, GRACE)).state == "removed"

    async def test_stop_goes_on_without_its_caller(self, bench: Bench) -> None:
        """And a start before the end changes nothing."""
        bot = await start_one(bench.engine, await bench.built(SLOW_STOP, BOT), BOT)

        async def is_up() -> bool:
            return len(await bench.engine.tail(bot.id, 1)) > 0

        async def is_gone() -> bool:
            return (await bench.engine.inspect(bot.id)).gone

        await until(is_up)
        stopping = asyncio.create_task(bench.engine.stop(bot.id, LIMIT))
        await asyncio.wait([stopping], timeout=0.5)
        assert not stopping.done()
        stopping.cancel()
        await bench.engine.resume(bot.id)
        assert not await is_gone()
        await until(is_gone)

    async def test_instance_has_its_own_stop_grace(self, bench: Bench) -> None:
        bot = await start_one(bench.engine, await bench.built(PATIENT, BOT), BOT)
        assert (bot.stop_grace, bot.grace(30)) == (90, 90)
        (found,) = await bench.engine.find(BOT)
        assert (await bench.engine.inspect(bot.id)).stop_grace == found.stop_grace == 90

    async def test_only_a_stopped_instance_is_removed(self, bench: Bench) -> None:
        bot = await start_one(bench.engine, await bench.built(V1, BOT), BOT)
        with pytest.raises(EngineFailed):
            await bench.engine.remove(bot.id)
        assert (await bench.engine.inspect(bot.id)).running
        await bench.engine.stop(bot.id, GRACE)
        for _ in range(2):
            await bench.engine.remove(bot.id)
        assert (await bench.engine.inspect(bot.id)).state == "removed"
        assert await bench.engine.find(BOT) == []

    async def test_unchanged_compares_image_and_definition(self, bench: Bench) -> None:
        bot = await start_one(bench.engine, await bench.built(V2, BOT), BOT)
        assert await bench.engine.unchanged(bot, await bench.built(SAME_BOT, BOT))
        assert not await bench.engine.unchanged(bot, await bench.built(V1, BOT))

    async def test_prune_removes_releases_not_kept(self, bench: Bench) -> None:
        old, new = await bench.built(V1), await bench.built(V2)
        stopped_color = await start_one(bench.engine, old, BLUE)
        old_bot = await bench.engine.create(old, BOT)
        new_bot = await bench.engine.create(new, BOT)
        await bench.engine.stop(stopped_color.id, GRACE)
        assert await bench.engine.prune([new.sha]) > 0
        assert {i.id for i in await bench.engine.find(BOT)} == {new_bot.id}
        assert [i.id for i in await bench.engine.find(BLUE)] == [stopped_color.id], "prune keeps the other color"
        assert (await bench.engine.inspect(old_bot.id)).state == "removed"
        assert (await bench.engine.recall(bench.stamp(V2), [BOT])).sha == new.sha
        with pytest.raises(ReleaseNotKept):
            await bench.engine.recall(bench.stamp(V1), [BOT])

    async def test_prune_keeps_a_running_singleton(self, bench: Bench) -> None:
        bot = await start_one(bench.engine, await bench.built(V1, BOT), BOT)
        await bench.engine.prune([])
        assert (await bench.engine.inspect(bot.id)).running

    async def test_published_release_is_known(self, bench: Bench) -> None:
        """Of a release that no other test uses: the images of what is published are kept."""
        for color in Color:
            await bench.engine.publish(await bench.define(SLOW_STOP), color)
            assert await bench.engine.published_release() == (bench.stamp(SLOW_STOP).sha, color)

    async def test_recall_returns_a_kept_release(self, bench: Bench) -> None:
        await bench.built(V1, BOT)
        recalled = await bench.engine.recall(bench.stamp(V1, "r-again"), [BOT])
        bot = await start_one(bench.engine, recalled, BOT)
        assert (bot.rollout, bot.sha) == ("r-again", bench.stamp(V1).sha)

    async def test_recall_uses_the_other_colors_image(self, bench: Bench) -> None:
        await bench.built(V1, BLUE)
        assert await bench.engine.missing(bench.stamp(V1).sha, [GREEN]) == []
        recalled = await bench.engine.recall(bench.stamp(V1, "r-again"), [GREEN])
        green = await start_one(bench.engine, recalled, GREEN)
        assert (green.rollout, green.running) == ("r-again", True)

    async def test_recall_refuses_a_release_without_image(self, bench: Bench) -> None:
        await bench.engine.prune([])
        await bench.define(V1)
        with pytest.raises(ReleaseNotKept):
            await bench.engine.recall(bench.stamp(V1), [BOT])

    async def test_command_runs_once_in_new_image_and_logs(self, bench: Bench) -> None:
        definition, lines = await bench.built(V1, BLUE), list[str]()
        await bench.engine.run_once(definition, BLUE, SUCCEEDS, name="r-1-migrate", limit=LIMIT, log=lines.append)
        assert any("migrated" in line for line in lines)
        assert await bench.engine.find(BLUE) == [], "the one-off container is not an instance of the service"
        assert await bench.engine.sweep() == [], "no one-off container is left"

    async def test_service_runs_its_own_command_once(self, bench: Bench) -> None:
        definition, lines = await bench.built(CREW, BOT), list[str]()
        await bench.engine.run_once(definition, BOT, (), name="r-1-job", limit=LIMIT, log=lines.append)
        assert lines
        assert await bench.engine.find(BOT) == []
        assert await bench.engine.sweep() == []

    async def test_failed_command_blames_the_release(self, bench: Bench) -> None:
        definition = await bench.built(FAILS, BLUE)
        with pytest.raises(BeforeFlipFailed) as failed:
            await bench.engine.run_once(definition, BLUE, BREAKS, name="r-1-migrate", limit=LIMIT, log=_deaf)
        assert (failed.value.service, failed.value.last_lines[-1]) == (BLUE, "no such column")
        assert "exit code 3" in failed.value.detail
        await bench.engine.sweep()

    async def test_missing_command_blames_the_release(self, bench: Bench) -> None:
        definition = await bench.built(FAILS, BLUE)
        with pytest.raises(BeforeFlipFailed):
            await bench.engine.run_once(definition, BLUE, ["/no/such"], name="r-1-migrate", limit=LIMIT, log=_deaf)
        await bench.engine.sweep()

    async def test_sweep_clears_a_timed_out_command(self, bench: Bench) -> None:
        definition = await bench.built(HANGS, BLUE)
        with pytest.raises(BeforeFlipFailed):
            await bench.engine.run_once(definition, BLUE, NEVER_ENDS, name="r-1-migrate", limit=SHORT, log=_deaf)
        await bench.engine.sweep()
        assert await bench.engine.sweep() == []
        with pytest.raises(BeforeFlipFailed):
            await bench.engine.run_once(definition, BLUE, NEVER_ENDS, name="r-1-migrate", limit=SHORT, log=_deaf)
        await bench.engine.sweep()

    async def test_engine_knows_what_a_release_moves(self, bench: Bench) -> None:
        await bench.define(V1)
        roles = await bench.engine.roles_of(bench.stamp(V1).sha)
        known = {
            BLUE: Role(Color.BLUE, "skills"),
            GREEN: Role(Color.GREEN, "skills"),
            BOT: Role(None, "bot", single=True),
        }
        assert {service: roles[service] for service in MOVED} == known
        assert await bench.engine.roles_of("0" * 40) == {}

    async def test_instances_are_found_by_the_name_of_their_singleton(self, bench: Bench) -> None:
        definition = await bench.built(V1, BLUE, BOT)
        await start_one(bench.engine, definition, BLUE)
        bot = await start_one(bench.engine, definition, BOT)
        assert [instance.id for instance in await bench.engine.named("bot")] == [bot.id]
        assert await bench.engine.named("skills") == []

    async def test_engine_reports_a_one_way_release(self, bench: Bench) -> None:
        for tag in (V1, ONE_WAY):
            await bench.define(tag)
        answers = [await bench.engine.one_way(sha) for sha in (bench.stamp(V1).sha, bench.stamp(ONE_WAY).sha, "0" * 40)]
        assert answers == [False, True, False]

    async def test_nothing_is_out_of_reach_of_a_traefik_that_is_not_found(self, bench: Bench) -> None:
        assert await bench.engine.unreached(await bench.define(V1)) == {}
        assert (await bench.compare(V1)).unreached == {}
        with pytest.raises(ReleaseNotKept):
            await bench.engine.unreached(bench.engine.defined("0" * 40))

    async def test_release_with_a_forbidden_option_is_refused(self, bench: Bench) -> None:
        assert (await bench.compare(V1)).forbidden == ()
        assert (await bench.compare(FORBIDDEN)).forbidden == ("bot uses privileged (privileged: true)",)
        with pytest.raises(PolicyRefused, match="bot uses privileged"):
            await bench.define(FORBIDDEN)
        assert await bench.engine.missing(bench.stamp(FORBIDDEN).sha, [BOT]), "no definition was written"


class OneHostContract:
    """What holds if all containers run on this machine: they can be looked into, and keep what they wrote."""

    async def test_failed_start_blames_the_release(self, bench: Bench) -> None:
        definition = await bench.built(NO_START, BLUE)
        with pytest.raises(StartFailed) as failed:
            await start_one(bench.engine, definition, BLUE)
        assert failed.value.service == BLUE

    async def test_start_names_the_failing_service(self, bench: Bench) -> None:
        services = [BOT, BLUE]
        definition = await bench.built(NO_START, *services)
        with pytest.raises(StartFailed) as failed:
            await bench.engine.start(definition, services)
        assert failed.value.service == BLUE

    async def test_tail_keeps_last_lines_after_stop(self, bench: Bench) -> None:
        skills = await start_one(bench.engine, await bench.built(V1, BLUE), BLUE)

        async def has_output() -> bool:
            return len(await bench.engine.tail(skills.id, 5)) > 0

        await until(has_output)
        await bench.engine.stop(skills.id, GRACE)
        assert len(await bench.engine.tail(skills.id, 1)) == 1

    async def test_check_passes_before_the_engine_ran_it(self, bench: Bench) -> None:
        skills = await start_one(bench.engine, await bench.built(SELDOM, BLUE), BLUE)

        async def passes() -> bool:
            return (await bench.engine.check(skills.id, LIMIT)).passed

        await until(passes)
        assert (await bench.engine.inspect(skills.id)).health == "starting"

    async def test_failing_check_reports_why(self, bench: Bench) -> None:
        skills = await start_one(bench.engine, await bench.built(UNWELL, BLUE), BLUE)
        result = await bench.engine.check(skills.id, LIMIT)
        assert (result.passed, "exit code 1" in result.words) == (False, True)

    async def test_unstartable_check_names_missing_command(self, bench: Bench) -> None:
        skills = await start_one(bench.engine, await bench.built(NO_CHECK, BLUE), BLUE)
        result = await bench.engine.check(skills.id, LIMIT)
        assert (result.passed, "/no/such/check" in result.words) == (False, True)

    async def test_hanging_check_is_not_started_twice(self, bench: Bench) -> None:
        skills = await start_one(bench.engine, await bench.built(CHECK_HANGS, BLUE), BLUE)
        first, second = [await bench.engine.check(skills.id, 1.0) for _ in range(2)]
        assert (first.passed, first.words) == (False, "the check did not end within 1 s")
        assert (second.passed, second.words) == (False, "an earlier run of the check has not ended yet")

    async def test_missing_check_does_not_pass(self, bench: Bench) -> None:
        skills = await start_one(bench.engine, await bench.built(UNCHECKED, BLUE), BLUE)
        assert (await bench.engine.inspect(skills.id)).health is None
        assert (await bench.engine.check(skills.id, LIMIT)).words == "the container has no health check"
        assert not (await bench.engine.check(skills.id, LIMIT)).passed

    async def test_check_fails_for_a_stopped_instance(self, bench: Bench) -> None:
        skills = await start_one(bench.engine, await bench.built(SELDOM, BLUE), BLUE)
        await bench.engine.stop(skills.id, GRACE)
        assert not (await bench.engine.check(skills.id, LIMIT)).passed
        assert not (await bench.engine.check(UNKNOWN_ID, LIMIT)).passed


def _deaf(_: str) -> None:
    """A log that discards its lines."""


def with_releases(sample: Sample) -> Sample:
    """Makes all releases that the contract names."""
    sample.release(V1)
    sample.release(V2)
    sample.release(SAME_BOT, change=("skills",))
    sample.release(BROKEN, Variant.BROKEN_BUILD)
    sample.release(NO_START, edit=no_command)
    sample.release(FAILS)
    sample.release(HANGS)
    sample.release(ONE_WAY, edit=no_way_back)
    sample.release(FORBIDDEN, edit=privileged_bot)
    sample.release(SLOW_STOP, edit=slow_to_stop)
    sample.release(PATIENT, edit=patient)
    sample.release(COPIES, edit=with_copies)
    sample.release(CREW, edit=crew)
    sample.release(SELDOM, edit=checked_by())
    sample.release(UNWELL, Variant.UNHEALTHY, edit=checked_by())
    sample.release(UNCHECKED, edit=checked_by("[NONE]"))
    sample.release(NO_CHECK, edit=checked_by("[CMD, /no/such/check]"))
    sample.release(CHECK_HANGS, edit=checked_by(HANGING_CHECK))
    return sample


class TestFakeEngine(EngineContract, OneHostContract):
    @pytest.fixture
    def bench(self) -> Bench:
        return FakeBench()


@pytest.mark.engine
class TestDockerEngine(EngineContract, OneHostContract):
    @pytest.fixture
    def bench(self, sample: Sample) -> Bench:
        return with_releases(sample)
