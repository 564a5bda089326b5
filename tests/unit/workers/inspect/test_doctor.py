from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import EngineFailed
from app.domain.findings import Check, Verdict
from app.domain.notices import notice as notices
from app.domain.stack import Color, Policy, Stack
from tests.examples import a_live, a_release, a_rollout, a_stack, a_traefik
from tests.fakes.world import World
from tests.integration.git.signing import need_ssh_keygen
from workers.inspect.disk import MOST
from workers.inspect.doctor import diagnostics, examine
from workers.ports import Seen, Survey
from workers.ports.storage import MIB, Use

HEALTHY = Survey((), 0, 0, {"docker_engine": "20.10", "compose": "2.40.3"}, None, None)


def seen(service: str, **change: Any) -> Seen:
    known = Seen(service, "running", "healthy", f"shop-{service}:abc", None, "v1.0.0", (), {})
    return replace(known, **change)


async def checks_of(world: World, survey: Survey) -> list[Check]:
    async def answer() -> Survey:
        return survey

    world.engine.survey = answer  # type: ignore[method-assign]  # sets what the fake sees
    return await examine(world.stack, world.ports)


async def check(world: World, name: str, survey: Survey) -> Check:
    return next(c for c in await checks_of(world, survey) if c.name == name)


async def test_unreachable_container_is_a_failure(world: World) -> None:
    assert not [name for name in await checks(world) if name.startswith("network_")]
    blue = seen("api-blue", networks=("shop_back",))
    ops = replace(HEALTHY, containers=(blue,), own_name="w", own_networks=frozenset({"ops"}))
    found = await check(world, "network_api", ops)
    assert (found.status, "shares no network with api-blue" in found.found) == (Verdict.FAILED, True)


def made_stack() -> Stack:
    routed = tuple(replace(service, made_from=service.name) for service in a_stack().routed)
    return replace(a_stack(), routed=routed)


async def test_single_container_that_serves_is_the_active_color(world: World) -> None:
    """A plain `docker compose` knows it by its own name, and would not change it."""
    world.stack = made_stack()
    skills = seen("skills", counts_as="skills-blue", image="shop-skills")
    survey = replace(HEALTHY, containers=(skills,), by_hand={"skills": "shop-skills", "skills-blue": "x"})
    assert (await check(world, "color_skills-blue", survey)).found == "blue is active and runs (healthy)"
    assert (await check(world, "compose_by_hand", survey)).status is Verdict.OK
    assert not [c for c in await checks_of(world, survey) if c.name.startswith("single_")]


async def test_container_beside_the_colors_is_named(world: World) -> None:
    world.restack(made_stack())
    world.engine.roles.clear()
    world.engine.remember(a_live().sha)
    survey = replace(HEALTHY, containers=(seen("skills", name="shop-skills-1"), seen("skills-blue")))
    found = await check(world, "single_skills", survey)
    assert (found.status, found.found) == (
        Verdict.WARNING,
        "shop-skills-1 runs beside the colors that are made from skills, and no release replaces it",
    )
    assert "docker stop shop-skills-1 && docker rm shop-skills-1" in found.remedy
    stopped = replace(HEALTHY, containers=(seen("skills", state="exited"), seen("other")))
    assert not [c for c in await checks_of(world, stopped) if c.name.startswith("single_")]


async def test_router_with_the_same_requests_is_a_failure(world: World) -> None:
    assert (await checks(world))["preflight"].found == "fit"
    world.route._foreign["mail.yml"] = (
        "http:\n"
        "  routers: {mail: {rule: PathPrefix(`/`), entryPoints: [web], service: mail}}\n"
        "  services: {mail: {loadBalancer: {servers: [{url: http://mail:80}]}}}\n"
    )
    found = (await checks(world))["preflight"]
    assert found.status is Verdict.FAILED
    assert "router mail in mail.yml takes the same requests as routed/skills" in found.found
    assert "only a forced rollout starts" in found.remedy


async def test_worker_that_mounts_the_directory_is_not_traefik(world: World) -> None:
    worker = seen("updater-worker", name="w", mounts={"/routes": "/routes"})
    other = replace(worker, name="b", command=("python", "-m", "workers.main"))
    survey = replace(HEALTHY, containers=(worker,), own_name="w", others=(other,))
    assert (await check(world, "traefik_mount", survey)).status is Verdict.WARNING


async def test_container_that_works_for_traefik_is_not_traefik(world: World) -> None:
    dumper = seen("certs-dumper", image="ldez/traefik-certs-dumper:v2", mounts={"/data": "/routes"})
    on_file = replace(dumper, mounts={"/f": "/routes/dynamic/updater-routes.yml"})
    words = ("traefik", "--providers.providersThrottleDuration=100ms")
    traefik = seen("traefik", image="traefik:v3", command=words, mounts={"/etc/dynamic": "/routes"})
    for first in (dumper, on_file):
        survey = replace(HEALTHY, containers=(first, traefik))
        assert (await check(world, "traefik_mount", survey)).found == "traefik mounts the directory /routes"
        assert (await check(world, "traefik_throttle", survey)).found == "100 ms"


async def test_traefik_of_another_project_is_checked(world: World) -> None:
    words = ("traefik --providers.providersThrottleDuration=100ms",)
    survey = replace(HEALTHY, others=(seen("", name="edge", command=words, mounts={"/routes": "/routes"}),))
    assert (await check(world, "traefik_mount", survey)).found == "edge mounts the directory /routes"
    assert (await check(world, "traefik_throttle", survey)).found == "100 ms"


async def test_missing_engine_is_reported_at_once(world: World) -> None:
    checks = await examine(world.stack, replace(world.ports, engine=Unreachable()))  # type: ignore[arg-type]
    assert [(c.name, c.status) for c in checks] == [("engine", Verdict.FAILED)]
    assert "DOCKER_HOST" in checks[0].remedy


async def test_every_failed_check_has_a_remedy(world: World) -> None:
    for found in await examine(world.stack, world.ports):
        assert (found.status is Verdict.OK) == (found.remedy == ""), found


async def test_other_version_of_a_mounted_file_is_a_warning(world: World) -> None:
    assert (await check(world, "mounted_files", HEALTHY)).status is Verdict.OK
    bot = seen("bot", name="shop-bot-1", new_files=("/srv/shop/token.txt",))
    api = seen("api-blue", name="shop-api-blue-1", old_files=("/srv/shop/site.conf",))
    found = await check(world, "mounted_files", replace(HEALTHY, containers=(bot, api)))
    assert found.status is Verdict.WARNING
    assert found.found == (
        "shop-bot-1 was created with another version of /srv/shop/token.txt, and started again with today's; "
        "shop-api-blue-1 still has the version of /srv/shop/site.conf from before it changed"
    )


async def test_broken_compose_is_a_failure(world: World) -> None:
    found = await check(world, "engine", replace(HEALTHY, versions={"docker_engine": "20.10", "compose": ""}))
    assert (found.status, "UPDATER_COMPOSE" in found.remedy) == (Verdict.FAILED, True)


@pytest.mark.parametrize(
    ("mounts", "verdict"),
    [
        ({"/routes": "/routes"}, Verdict.OK),
        ({"/etc/dynamic": "/routes/dynamic"}, Verdict.OK),
        ({"/etc/r.yml": "/routes/dynamic/updater-routes.yml"}, Verdict.FAILED),
        ({"/data": "/srv/data"}, Verdict.WARNING),
        ({"/etc/traefik": "/routes", "/etc/traefik/dynamic": ""}, Verdict.FAILED),
        ({"/etc/traefik": "/routes", "/etc/traefik/dynamic": "/volumes/other"}, Verdict.FAILED),
        ({"/etc/traefik": "/routes", "/etc/traefik/dynamic": "", "/all": "/routes"}, Verdict.OK),
        ({"/etc/traefik": "/routes", "/etc/traefik/acme": "/volumes/other", "/tmp": ""}, Verdict.OK),  # noqa: S108
    ],
)
async def test_traefik_mount_must_be_a_directory(world: World, mounts: dict[str, str], verdict: Verdict) -> None:
    found = await check(world, "traefik_mount", replace(HEALTHY, containers=(seen("traefik", mounts=mounts),)))
    assert found.status is verdict


async def test_shared_volume_counts_as_a_mount(world: World) -> None:
    traefik = seen("traefik", mounts={"/etc/dynamic": "/volumes/routes"})
    survey = replace(HEALTHY, containers=(traefik,), own_mounts={"/routes": "/volumes/routes"})
    assert (await check(world, "traefik_mount", survey)).status is Verdict.OK


@pytest.mark.parametrize(
    ("words", "verdict", "text"),
    [
        ("--providers.providersThrottleDuration=100ms", Verdict.OK, "100 ms"),
        ("--providers.providersthrottleduration=2s", Verdict.WARNING, "2000 ms"),
        ("--log.level=WARN", Verdict.WARNING, "not set"),
    ],
)
async def test_throttle_is_read_from_the_command_line(world: World, words: str, verdict: Verdict, text: str) -> None:
    traefik = seen("traefik", command=("traefik", words), mounts={"/routes": "/routes"})
    found = await check(world, "traefik_throttle", replace(HEALTHY, containers=(traefik,)))
    assert (found.status, text in found.found) == (verdict, True)


async def test_throttle_is_read_from_a_mounted_file(world: World, tmp_path: Path) -> None:
    file = tmp_path / "traefik.yml"
    file.write_text("providers:\n  providersThrottleDuration: 50ms\n")
    traefik = seen("traefik", mounts={"/routes": "/routes", "/etc/traefik/traefik.yml": str(file)})
    found = await check(world, "traefik_throttle", replace(HEALTHY, containers=(traefik,)))
    assert (found.status, found.found) == (Verdict.OK, "50 ms")


@pytest.mark.parametrize(
    ("mounts", "verdict"),
    [
        (None, Verdict.OK),
        ({"/routes": "/routes", "/srv": "/srv"}, Verdict.OK),
        ({"/routes": "/var/lib/volumes/routes/_data", "/srv/shop": "/srv/shop"}, Verdict.OK),
        ({"/routes": "/routes", "/srv/shop": "/home/me/shop"}, Verdict.FAILED),
        ({"/routes": "/routes"}, Verdict.FAILED),
    ],
)
async def test_path_must_match_inside_and_outside(
    world: World, mounts: dict[str, str] | None, verdict: Verdict
) -> None:
    found = await check(world, "same_paths", replace(HEALTHY, own_mounts=mounts))
    assert found.status is verdict
    assert ("`/srv/shop:/srv/shop`" in found.remedy) == (verdict is Verdict.FAILED)


async def test_active_color_must_run_and_idle_must_not(world: World) -> None:
    running = replace(HEALTHY, containers=(seen("api-blue", health="unhealthy"), seen("skills-green")))
    verdicts = {
        name: (await check(world, f"color_{name}", running)).status
        for name in ("api-blue", "api-green", "skills-blue", "skills-green")
    }
    assert verdicts == {
        "api-blue": Verdict.WARNING,
        "api-green": Verdict.OK,
        "skills-blue": Verdict.WARNING,
        "skills-green": Verdict.WARNING,
    }


async def test_every_copy_of_the_active_color_must_serve(world: World) -> None:
    await world.journal.update(lambda s: replace(s, current=replace(a_live(), copies={"skills": 1, "api": 3})))
    for healths, verdict, text in (
        (("healthy",) * 3, Verdict.OK, "runs with 3 copies (healthy)"),
        (("healthy",) * 2, Verdict.WARNING, "runs with 2 copies (healthy)"),
        (("healthy", "unhealthy", "healthy"), Verdict.WARNING, "runs with 3 copies (healthy, unhealthy)"),
    ):
        running = replace(HEALTHY, containers=tuple(seen("api-blue", health=health) for health in healths))
        found = await check(world, "color_api-blue", running)
        assert (found.status, text in found.found) == (verdict, True)


async def test_copies_that_cannot_run_side_by_side_are_a_warning(world: World) -> None:
    found = await check(world, "clashes", replace(HEALTHY, clashes=("bot has scale 3, but …",)))
    assert (found.status, found.found) == (Verdict.WARNING, "bot has scale 3, but …")
    assert "refused before its build" in found.remedy
    assert (await check(world, "clashes", HEALTHY)).status == Verdict.OK


@pytest.mark.parametrize("active", list(Color))
async def test_no_color_of_a_running_rollout_is_to_be_stopped(world: World, active: Color) -> None:
    """Before the flip green is the new color, after it blue is the way back: during bake and drain both run."""
    await world.journal.update(lambda state: replace(state.begin(a_rollout()), active_color=active))
    both = replace(HEALTHY, containers=(seen("api-blue"), seen("api-green")))
    other = await check(world, f"color_api-{active.other}", both)
    part = "the new color" if active is Color.BLUE else "the way back"
    assert (other.status, other.remedy) == (Verdict.OK, "")
    assert f"is {part} of the running rollout of v1.1.0" in other.found


async def test_color_in_the_route_file_is_not_to_be_stopped(world: World) -> None:
    await world.route.flip(Color.GREEN, "r-hand")
    both = replace(HEALTHY, containers=(seen("api-blue"), seen("api-green")))
    found = await check(world, "color_api-green", both)
    assert (found.status, found.remedy.partition(":")[0]) == (Verdict.WARNING, "Do not stop it")


@pytest.mark.parametrize(
    ("health", "verdict"),
    [(None, Verdict.OK), ("healthy", Verdict.OK), ("starting", Verdict.OK), ("unhealthy", Verdict.WARNING)],
)
async def test_unhealthy_active_color_is_a_warning(world: World, health: str | None, verdict: Verdict) -> None:
    running = replace(HEALTHY, containers=(seen("api-blue", health=health),))
    assert (await check(world, "color_api-blue", running)).status is verdict


@pytest.mark.parametrize(
    ("by_hand", "verdict"),
    [
        (None, Verdict.WARNING),
        ({"api-blue": "shop-api-blue"}, Verdict.WARNING),
        ({"api-blue": "shop-api-blue:abc", "skills-blue": "x"}, Verdict.OK),
    ],
)
async def test_compose_up_replacements_are_a_warning(
    world: World, by_hand: dict[str, str] | None, verdict: Verdict
) -> None:
    survey = replace(HEALTHY, containers=(seen("api-blue"),), by_hand=by_hand)
    found = await check(world, "compose_by_hand", survey)
    assert (found.status, "COMPOSE_FILE" in found.remedy) == (verdict, verdict is Verdict.WARNING)


async def test_route_file_of_another_color_is_a_failure(world: World) -> None:
    assert (await check(world, "route_file", HEALTHY)).status is Verdict.OK
    await world.route.flip(Color.GREEN, "r-hand")
    assert (await check(world, "route_file", HEALTHY)).status is Verdict.FAILED


async def test_unreadable_route_file_is_a_failure(world: World) -> None:
    world.route.unreadable = True
    found = await check(world, "route_file", HEALTHY)
    assert (found.status, "cannot be read" in found.found) == (Verdict.FAILED, True)
    both = replace(HEALTHY, containers=(seen("api-blue"), seen("api-green")))
    assert (await check(world, "color_api-green", both)).remedy.startswith("Do not stop it")


async def test_default_route_is_ok_before_a_release() -> None:
    world = World()
    world.route.place(Color.BLUE, "default")
    found = await check(world, "route_file", HEALTHY)
    assert (found.status, "no release is live" in found.found) == (Verdict.OK, True)


async def test_disk_check_lists_what_uses_how_much(world: World) -> None:
    world.storage.uses = {use: (n + 1) * 8 * MIB for n, use in enumerate(Use)}
    found = await check(world, "disk_use", HEALTHY)
    assert (found.status, found.remedy) == (Verdict.OK, "")
    assert found.found == (
        "logs 8.0 MiB, history 16.0 MiB, Git mirror 24.0 MiB, release trees 32.0 MiB, definitions 40.0 MiB, "
        "mounted files 48.0 MiB, other files 56.0 MiB"
    )


@pytest.mark.parametrize("use", Use)
async def test_too_much_disk_use_is_a_warning(world: World, use: Use) -> None:
    world.storage.uses[use] = MOST[use] + 1
    found = await check(world, "disk_use", HEALTHY)
    assert (found.status, f"Too much: {use} (more than " in found.found) == (Verdict.WARNING, True)
    assert found.remedy


async def test_diagnostics_list_running_containers(world: World) -> None:
    found = await diagnostics(world.ports)
    assert found["git_ref"] == "v1.0.0"
    assert {c["service"] for c in found["containers"]} == {"skills-blue", "api-blue", "bot"}
    assert set(found["disk_usage"]) == {"free_bytes", "images_bytes", "build_cache_bytes", "updater_bytes"}
    assert set(found["disk_usage"]["updater_bytes"]) == {
        *("logs", "history", "mirror", "trees", "definitions", "files", "other"),
    }


class Unreachable:
    async def survey(self) -> Survey:
        raise EngineFailed("no Docker Engine answers")


async def test_traffic_check_warns_without_metrics(world: World) -> None:
    assert (await check(world, "traffic", HEALTHY)).status is Verdict.OK
    world.clients.away = True
    assert (await check(world, "traffic", HEALTHY)).status is Verdict.WARNING


async def test_unset_metrics_warning_names_the_setting() -> None:
    world = World(a_stack(traefik=a_traefik(web="http://traefik:80", api="http://traefik:81/")))
    found = await check(world, "traffic", HEALTHY)
    assert (found.status, "traefik/metrics" in found.remedy) == (Verdict.WARNING, True)


async def test_unsigned_policy_has_no_signature_check(world: World) -> None:
    assert "signatures" not in {c.name for c in await examine(world.stack, world.ports)}


async def test_signature_check_lists_allowed_signers(tmp_path: Path) -> None:
    need_ssh_keygen()
    file = tmp_path / "allowed_signers"
    file.write_text("# releases\nalice@example.invalid ssh-ed25519 AAAA\n\nbob@example.invalid ssh-ed25519 AAAB\n")
    found = await check(World(a_stack(policy=Policy(str(file)))), "signatures", HEALTHY)
    assert (found.status, found.found) == (Verdict.OK, f"{file} names alice@example.invalid, bob@example.invalid")


async def test_unreadable_signers_list_is_a_failure(tmp_path: Path) -> None:
    need_ssh_keygen()
    found = await check(World(a_stack(policy=Policy(str(tmp_path / "nowhere")))), "signatures", HEALTHY)
    assert (found.status, "cannot be read" in found.found, "The updater refuses every release" in found.remedy) == (
        Verdict.FAILED,
        True,
        True,
    )


async def test_missing_ssh_keygen_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = await check(World(a_stack(policy=Policy("/etc/allowed_signers"))), "signatures", HEALTHY)
    assert (found.status, "openssh-client" in found.found) == (Verdict.FAILED, True)


async def test_notification_check_counts_messages(world: World) -> None:
    checks = await examine(world.stack, replace(world.ports, notifier=None))
    silent = next(c for c in checks if c.name == "notifications")
    assert (silent.status, "UPDATER_NOTIFY_URLS" in silent.found) == (Verdict.OK, True)
    configured = await check(world, "notifications", HEALTHY)
    assert (configured.status, configured.found) == (Verdict.OK, "1 targets; 0 messages sent, 0 waiting")
    world.notifier.notify(notices.accepted("shop", a_release()))
    world.notifier.give_up()
    lost = await check(world, "notifications", HEALTHY)
    assert (lost.status, lost.found) == (Verdict.WARNING, "1 targets; 0 messages sent, 0 waiting, 1 given up")


async def checks(world: World) -> dict[str, Check]:
    return {c.name: c for c in await examine(world.stack, world.ports)}


async def test_serving_color_is_never_advised_to_stop() -> None:
    world = World()
    await world.before_the_updater()
    for adopted in (False, True):
        if adopted:
            await world.worker().start()
        found = await checks(world)
        serving = [found[f"color_{name}"] for name in ("skills-blue", "api-blue")]
        assert [c.remedy for c in serving] == ["", ""], adopted
    assert found["adoption"].status is Verdict.OK
    assert "ran before the updater" in found["adoption"].found


async def test_refused_adoption_is_a_failure() -> None:
    world = World()
    await world.before_the_updater()
    for instance in await world.engine.find("api-blue"):
        await world.engine.stop(instance.id, 1)
    found = (await checks(world))["adoption"]
    assert (found.status, "api-blue does not run" in found.found) == (Verdict.FAILED, True)
    assert "Your traffic is not affected" in found.remedy


async def test_empty_or_live_stack_needs_no_adoption(world: World) -> None:
    assert "adoption" not in await checks(world)
    empty = (await checks(World()))["adoption"]
    assert (empty.status, empty.found) == (Verdict.OK, "nothing serves yet; the first release makes the stack live")


async def test_running_retired_service_is_a_warning() -> None:
    world = World(a_stack(retired=("old",)))
    well = await check(world, "retired_old", HEALTHY)
    assert (well.status, well.remedy) == (Verdict.OK, "")
    runs = replace(HEALTHY, containers=(seen("old", name="shop-old-1"),), retired=("old",))
    found = await check(world, "retired_old", runs)
    assert found.status is Verdict.WARNING
    assert "its container shop-old-1 runs; the live release's Compose file still has old" in found.found
    assert "docker stop shop-old-1 && docker rm shop-old-1 Delete it from the file" in found.remedy


async def test_override_that_no_release_reads_is_a_warning(world: World, tmp_path: Path) -> None:
    world.stack = replace(world.stack, directory=str(tmp_path))
    assert (await check(world, "compose_files", HEALTHY)).status is Verdict.OK
    (tmp_path / "docker-compose.override.yml").write_text("")
    found = await check(world, "compose_files", HEALTHY)
    assert found.status is Verdict.WARNING
    assert "docker-compose.override.yml" in found.found
    assert "compose_files" in found.remedy
