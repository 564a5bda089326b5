"""Checks of Traefik's container: the watched directory that it mounts, its throttle, and its API."""

import asyncio
import re
from pathlib import Path

from app.domain.errors import RouteNotConfirmed
from app.domain.findings import Check, Verdict
from app.domain.stack import Stack
from workers.ports import Ports, Seen, Survey
from workers.routing.traefik_container import mounting, title

THROTTLE = re.compile(r"providersThrottleDuration\W+(\d+(?:\.\d+)?)(ms|s)?", re.IGNORECASE)
MOST_THROTTLE_MS = 200.0
NOT_NOTICED = "Until this is fixed, each rollout fails at its flip, and your traffic stays where it is."
CALM_THROTTLE_MS = 2000.0
"""Traefik's default."""


async def routes(stack: Stack, ports: Ports, seen: Survey, route: Path) -> list[Check]:
    """Checks that Traefik notices changed routes: in the directory of `route`, or in Redis."""
    if stack.traefik.redis is None:
        return [mount(seen, route), await asyncio.to_thread(throttle, seen, route)]
    if unfit := await ports.route.unfit():
        return [Check("traefik_redis", Verdict.FAILED, "; ".join(unfit), NOT_NOTICED)]
    return [Check("traefik_redis", Verdict.OK, f"Redis announces changed routes to Traefik ({ports.route.where})")]


def mount(seen: Survey, route: Path) -> Check:
    """Checks that Traefik mounts the directory: a bind mount of one file shows no change after the first rename."""
    sources = {source: c for c in reversed(_mounting(seen, route)) for source in c.mounts.values()}
    if str(route) in sources:
        remedy = f"Mount {route.parent.parent} into Traefik, and let Traefik watch {route.parent.name} inside it."
        return Check("traefik_mount", Verdict.FAILED, f"{title(sources[str(route)])} mounts the file {route}", remedy)
    mounted = next((str(p) for p in route.parents if str(p) in sources), None)
    if mounted and (covered := _covered(sources[mounted], mounted, route.parent)):
        text = f"{title(sources[mounted])} mounts {mounted}, but something else at {covered}: it does not see {route}"
        remedy = f"Remove the mount, volume or tmpfs at {covered}, also one that `volumes_from` brings."
        return Check("traefik_mount", Verdict.FAILED, text, remedy)
    if mounted:
        return Check("traefik_mount", Verdict.OK, f"{title(sources[mounted])} mounts the directory {mounted}")
    remedy = f"Make sure that Traefik watches {route.parent}. If it runs in no container here, ignore this warning."
    return Check("traefik_mount", Verdict.WARNING, f"no container beside the updater mounts {route.parent}", remedy)


def _covered(container: Seen, mounted: str, directory: Path) -> str | None:
    """The path in the container at which another mount hides the host's `directory`, which is below `mounted`.

    None if the container sees it at one place at least.
    """
    hiding: list[str] = []
    for inside in (target for target, source in container.mounts.items() if source == mounted):
        seen_at = Path(inside) / directory.relative_to(mounted)
        innermost = next((str(p) for p in (seen_at, *seen_at.parents) if str(p) in container.mounts), inside)
        if innermost == inside:
            return None
        hiding.append(innermost)
    return next(iter(hiding), None)


def throttle(seen: Survey, route: Path) -> Check:
    """Checks Traefik's throttle: every flip and every rollback may wait that long."""
    remedy = "Set providersThrottleDuration to 100ms in Traefik's static configuration, and restart Traefik once."
    traefik = next(iter(_mounting(seen, route)), None)
    if traefik is None:
        return Check("traefik_throttle", Verdict.WARNING, "the updater cannot read Traefik's configuration", remedy)
    texts = [*traefik.command, *(_text(Path(source)) for source in traefik.mounts.values())]
    found = next((match for text in texts if (match := THROTTLE.search(text))), None)
    millis = float(found[1]) * (1 if found[2] == "ms" else 1000) if found else CALM_THROTTLE_MS
    text = f"{millis:.0f} ms{'' if found else ' (not set, Traefik default)'}"
    bad = millis > MOST_THROTTLE_MS
    return Check("traefik_throttle", Verdict.WARNING if bad else Verdict.OK, text, remedy if bad else "")


async def api(stack: Stack, ports: Ports) -> list[Check]:
    """Checks that Traefik's API can be read, if the stack file names it."""
    if not stack.traefik.api:
        return []
    try:
        await ports.route.loaded()
    except RouteNotConfirmed as error:
        remedy = (
            "Routers of container labels are not compared with the stack's. Enable the API, or correct traefik/api."
        )
        return [Check("traefik_api", Verdict.WARNING, error.detail, remedy)]
    return [
        Check("traefik_api", Verdict.OK, f"every router of Traefik is compared with the stack's ({stack.traefik.api})")
    ]


def _mounting(seen: Survey, route: Path) -> list[Seen]:
    return mounting((*seen.containers, *seen.others), seen.own_name, route)


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8") if file.suffix in {".yml", ".yaml", ".toml"} else ""
    except (OSError, UnicodeDecodeError):
        return ""
