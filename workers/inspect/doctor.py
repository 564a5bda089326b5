"""Checks the machine for problems, and names a remedy for each."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.config import signers
from app.domain.errors import UpdaterError
from app.domain.findings import Check, Verdict
from app.domain.stack import EngineKind, Stack
from app.domain.state import State
from workers.adoption import adopt, drift
from workers.definition.files.live_compose import unused_files
from workers.inspect import changed_stack, cluster, colors, mounted_files, mounts, networks, traefik
from workers.inspect.disk import disk_use
from workers.inspect.leftovers import Leftover, beside_colors, leftovers
from workers.inspect.named_color import route_file
from workers.ports import Notifier, Ports, Survey
from workers.rollout.steps import preflight


async def diagnostics(ports: Ports) -> dict[str, Any]:
    """Returns what runs and the disk that it uses, as plain JSON values. Raises EngineFailed."""
    seen, room, live = await ports.engine.survey(), ports.room(), ports.journal.state.current
    own = await asyncio.to_thread(ports.storage.used)
    shown = ("service", "state", "health", "image", "color", "release")
    return {
        "git_sha": live.sha if live else None,
        "git_ref": live.tag if live else None,
        "containers": [{name: getattr(c, name) for name in shown} for c in seen.containers],
        "disk_usage": {
            "free_bytes": room.disk,
            "images_bytes": seen.images_bytes,
            "build_cache_bytes": seen.build_cache_bytes,
            "updater_bytes": {use.name.lower(): size for use, size in own.items()},
        },
        "versions": dict(seen.versions),
    }


async def examine(stack: Stack, ports: Ports) -> list[Check]:
    """Runs every check, in the order in which an operator would."""
    try:
        seen = await ports.engine.survey()
    except UpdaterError as error:
        return [Check("engine", Verdict.FAILED, str(error), "Start the Docker Engine, or correct DOCKER_HOST.")]
    state = ports.journal.state
    part = await drift.live_stack(stack, ports)
    roles = await ports.engine.roles_of(state.current.sha) if state.current else {}
    watched = mounts.outside(ports.route.file, seen.own_mounts) or ports.route.file
    named, route_check = await route_file(ports)
    checks = [
        _engine(seen),
        *cluster.checks(stack, await ports.engine.cluster()),
        *await traefik.routes(stack, ports, seen, watched),
        *networks.checks(stack, seen, watched),
        *await traefik.api(stack, ports),
        _same_paths(seen, [Path(stack.directory)]),
        *await _adoption(stack, ports),
        *colors.checks(part, state, seen, named),
        *changed_stack.checks(stack, part, roles, state, seen),
        *beside_colors(part, seen),
        mounted_files.check(seen),
        *_by_hand(part, state, seen),
        await asyncio.to_thread(_compose_files, stack),
        _clashes(seen),
        await _registries(ports),
        *map(_retired, leftovers(stack, seen)),
        route_check,
        await _traffic(stack, ports),
        *await asyncio.to_thread(_signatures, stack),
        _notifications(ports.notifier),
        disk_use(await asyncio.to_thread(ports.storage.used)),
    ]
    problems = await preflight.problems(stack, ports, ports.room())
    remedy = "Until these problems are fixed, only a forced rollout starts. Fix each of them."
    return [*checks, Check("preflight", _failed_if(problems), "; ".join(problems) or "fit", remedy if problems else "")]


def _engine(seen: Survey) -> Check:
    found = ", ".join(f"{name} {version}" for name, version in seen.versions.items())
    if not seen.versions.get("compose", "-"):
        remedy = "Docker Compose does not run, or its command loses the exit code. Set UPDATER_COMPOSE to its binary."
        return Check("engine", Verdict.FAILED, found, remedy)
    return Check("engine", Verdict.OK, found)


async def _traffic(stack: Stack, ports: Ports) -> Check:
    """Checks whether the bake sees client responses, or only its own probes."""
    if ports.traffic is None:
        remedy = (
            "Without it, a healthy release that fails its clients goes live. Set traefik/metrics in the stack file."
        )
        return Check("traffic", Verdict.WARNING, "client responses are not watched", remedy)
    try:
        await ports.traffic.tallies()
    except UpdaterError as error:
        remedy = "Enable Traefik's Prometheus metrics, or correct traefik/metrics in the stack file."
        return Check("traffic", Verdict.WARNING, str(error), remedy)
    return Check("traffic", Verdict.OK, f"Traefik counts client responses ({', '.join(stack.traefik.metrics)})")


def _same_paths(seen: Survey, needed: list[Path]) -> Check:
    """Checks that paths match the host's: the engine and an operator's Compose resolve bind mounts on the host."""
    if seen.own_mounts is None:
        return Check("same_paths", Verdict.OK, "the worker runs on the host itself")
    wrong = mounts.unlike(needed, seen.own_mounts)
    paths = ", ".join(map(str, wrong))
    found = f"the paths inside and outside differ for {paths}" if wrong else "the same paths inside and outside"
    return Check("same_paths", _failed_if(wrong), found, mounts.remedy(wrong))


async def _adoption(stack: Stack, ports: Ports) -> list[Check]:
    """Checks whether a stack that ran before the updater was adopted. No check after the first release went live."""
    state = ports.journal.state
    if state.current is not None and state.current.adopted:
        found = f"{state.current.tag} ran before the updater and was adopted on {state.active_color}"
        return [Check("adoption", Verdict.OK, found)]
    if not state.nothing_is_known_live:
        return []
    try:
        adoptable = await adopt.look(stack, ports)
    except UpdaterError as refused:
        remedy = "Until this is fixed, no release goes live. Your traffic is not affected. Fix it, then unpause."
        return [Check("adoption", Verdict.FAILED, str(refused), remedy)]
    if adoptable is None:
        return [Check("adoption", Verdict.OK, "nothing serves yet; the first release makes the stack live")]
    found = f"{adoptable.identity.tag} serves on {adoptable.serving.color} and is not adopted yet"
    found = "; ".join([found, *adoptable.warnings])
    return [Check("adoption", Verdict.WARNING, found, "The worker adopts it within a minute.")]


def _by_hand(stack: Stack, state: State, seen: Survey) -> list[Check]:
    """Checks what a plain `docker compose up` would do to the live color. In a swarm, it does nothing to it."""
    return [] if stack.engine is EngineKind.SWARM else [_compose_by_hand(stack, state, seen)]


def _compose_by_hand(stack: Stack, state: State, seen: Survey) -> Check:
    remedy = (
        f"In {stack.directory}/.env set COMPOSE_PROJECT_NAME={stack.project} and COMPOSE_FILE=<the updater's data "
        "directory>/releases/current/compose.json. Then `docker compose` uses the live release."
    )
    if seen.by_hand is None:
        found = f"a plain `docker compose` in {stack.directory} finds no valid file"
        return Check("compose_by_hand", Verdict.WARNING, found, remedy)
    active = [s.colors[state.active_color] for s in stack.routed] if state.active_color else []
    of_live = [c for c in seen.containers if c.moved_service in active]
    other = [c.service for c in of_live if seen.by_hand.get(c.service) != c.image]
    if other:
        found = f"a plain `docker compose up` in {stack.directory} would replace {', '.join(sorted(set(other)))}"
        return Check("compose_by_hand", Verdict.WARNING, found, remedy)
    return Check("compose_by_hand", Verdict.OK, "a plain `docker compose up` would run the live release")


def _compose_files(stack: Stack) -> Check:
    if unused := unused_files(stack):
        return Check("compose_files", Verdict.WARNING, unused.found, f"{unused.remedy}.")
    return Check("compose_files", Verdict.OK, f"releases use {', '.join(stack.compose_files)}")


def _clashes(seen: Survey) -> Check:
    """Checks whether services of the live directory's files cannot run at once, as they do in a rollout."""
    if not seen.clashes:
        return Check("clashes", Verdict.OK, "the services of the live directory's files can run at once")
    remedy = (
        "A release whose files are like this is refused before its build; your traffic is not affected. Correct the "
        "Compose files in the repository."
    )
    return Check("clashes", Verdict.WARNING, "; ".join(seen.clashes), remedy)


async def _registries(ports: Ports) -> Check:
    refused = await ports.engine.refused_images()
    if not refused:
        return Check("registries", Verdict.OK, "every image that a release pulls can be read, or none is pulled")
    remedy = (
        "The next release that pulls it fails before anything is touched; your traffic is not affected. Correct the "
        "image's name, or the credentials in the worker's DOCKER_CONFIG. For an image that exists only here, write "
        "`pull_policy: never`. See docs/compose.md."
    )
    found = "; ".join(f"{image}: {answer}" for image, answer in refused.items())
    return Check("registries", Verdict.WARNING, found, remedy)


def _retired(left: Leftover) -> Check:
    name = f"retired_{left.service}"
    if not left.found:
        return Check(name, Verdict.OK, "it does not run; the live release and the live directory do not have it")
    return Check(name, Verdict.WARNING, "; ".join(left.found), " ".join(left.remedies))


def _signatures(stack: Stack) -> list[Check]:
    """Checks the signers file if the policy requires signed tags: without the file no release goes live."""
    if stack.policy.allowed_signers is None:
        return []
    file = Path(stack.policy.allowed_signers)
    if problem := signers.problem(file):
        remedy = "The updater refuses every release. Fix this, or remove policy/require_signed_tag from the stack file."
        return [Check("signatures", Verdict.FAILED, problem, remedy)]
    return [Check("signatures", Verdict.OK, f"{file} names {', '.join(signers.signers(file))}")]


def _notifications(notifier: Notifier | None) -> Check:
    if notifier is None:
        return Check("notifications", Verdict.OK, "off: UPDATER_NOTIFY_URLS is not set")
    counts = notifier.counts()
    found = f"{counts['targets']} targets; {counts['sent']} messages sent, {counts['waiting']} waiting"
    if not counts["given_up"]:
        return Check("notifications", Verdict.OK, found)
    remedy = "Check the worker's log for the URL and the reason."
    return Check("notifications", Verdict.WARNING, f"{found}, {counts['given_up']} given up", remedy)


def _failed_if(problems: Sequence[object]) -> Verdict:
    return Verdict.FAILED if problems else Verdict.OK
