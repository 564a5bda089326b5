"""Which services must not run twice: by their names and by the names in their environment. Pure."""

import re
from collections.abc import Collection, Mapping

from app.cli.starting.service_facts import Service, image_name, listening, pairs

Found = dict[str, tuple[str, str]]
"""Short name → the service, and why."""

_BOT = re.compile(r"(?:^|[-_])(?:discord|telegram|slack)?bots?(?:$|[-_])")
_SESSION = re.compile(r"(?:DISCORD|TELEGRAM|SLACK|MATRIX)\w*TOKEN|BOT_TOKEN")
_ONCE = re.compile(r"(?:^|[-_])(?:worker|workers|scheduler|cron|beat|consumer|poller|listener|jobs?|queue)(?:$|[-_])")
_OWN = re.compile(r"(?:^|[-_])updater(?:$|[-_])")


def likely_singletons(services: Mapping[str, Service], project: str, moved: Collection[str]) -> tuple[Found, Found]:
    """Those that are surely one, and those that only a person can tell.

    A service that is only pulled (Postgres, Redis…) has to look like a bot to be one.
    """
    sure: Found = {}
    unsure: Found = {}
    for service, definition in services.items():
        if service in moved or _OWN.search(service):
            continue
        short = service.removeprefix(f"{project}-").removeprefix(f"{project}_") or service
        why, certain = _reason(service, definition)
        if why:
            (sure if certain and not listening(definition) else unsure)[short] = (service, why)
    return sure, unsure


def _reason(name: str, service: Service) -> tuple[str, bool]:
    """Why it may be one, and whether that is certain."""
    if _BOT.search(name) or _BOT.search(image_name(service)):
        return "its name", True
    if variable := next((each for each in pairs(service.get("environment")) if _SESSION.fullmatch(each)), None):
        return f"its environment has {variable}", True
    if "build" not in service:
        return "", False
    if _ONCE.search(name):
        return "its name", False
    if not listening(service):
        return "it listens to nothing", False
    return "", False
