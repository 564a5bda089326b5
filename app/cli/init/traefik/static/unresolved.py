"""What is unknown of Traefik's routes if Compose could not read the project: values of .env, and other files. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping

from app.cli.init.project.compose_file import Project
from app.cli.init.project.interpolation import has_variable
from app.cli.init.project.service_facts import Service, pairs, words
from app.cli.init.traefik.static.config_file import is_absent
from app.cli.init.traefik.static.unread import Unread

_OPTION = re.compile(r"--?(?:entrypoints|providers|configfile)\b", re.IGNORECASE)
_OTHER_FILES = ("extends", "label_file")
_OF_TRAEFIK = ("env_file",)
"""May have Traefik's whole configuration, in the form of TRAEFIK_… variables."""

_LABEL = "traefik."
OVERRIDES = tuple(f"{name}.override.{end}" for name in ("compose", "docker-compose") for end in ("yaml", "yml"))
"""https://docs.docker.com/reference/compose-file/merge/"""


def unresolved(project: Project, colored: Collection[str], traefik: str | None) -> Iterator[Unread]:
    """Labels and settings of Traefik with variables, and what comes from other files."""
    why = f"is not known, because Compose could not read the project ({project.why_unresolved})"
    if not project.resolved:
        yield from (Unread(file, why) for file in project.more)
    if project.written.get("include"):
        yield Unread("include of the Compose file", why)
    services = project.written.get("services")
    for name, service in (services if isinstance(services, Mapping) else {}).items():
        if isinstance(service, Mapping):
            yield from (Unread(f"{key} of {name}", why) for key in _unknown(name, service, colored, traefik))


def overrides(project: Project, traefik: str | None) -> Iterator[Unread]:
    """A file that `docker compose up` adds to the Compose file, if it has anything of Traefik.

    Compose adds none if COMPOSE_FILE names the files.
    """
    for name in () if project.more else OVERRIDES:
        file = project.directory / name
        if is_absent(file):
            continue
        try:
            text = file.read_text("utf-8").lower()
        except (OSError, UnicodeDecodeError):
            text = _LABEL
        if any(each in text for each in ("traefik", (traefik or "traefik").lower())):
            why = "has something of Traefik, and `docker compose up` adds it to the Compose file"
            yield Unread(name, f"{why} (to have it read, name both files in COMPOSE_FILE of .env)")


def _unknown(name: str, service: Service, colored: Collection[str], traefik: str | None) -> Iterator[str]:
    labels = pairs(service.get("labels"))
    if any(label.lower().startswith(_LABEL) and has_variable(f"{label}={value}") for label, value in labels.items()):
        yield "labels"
    if name in colored or name == traefik:
        yield from (key for key in _OTHER_FILES if service.get(key))
    if name == traefik:
        yield from (key for key in _OF_TRAEFIK if service.get(key))
        yield from (key for key in ("command", "entrypoint") if any(map(_is_unknown, words(service.get(key)))))
        variables = pairs(service.get("environment")).items()
        yield from (key for key, value in variables if key.startswith("TRAEFIK_") and has_variable(value))


def _is_unknown(word: str) -> bool:
    """Whether a word of a command is an option with a variable that may hide a middleware or a router."""
    return has_variable(word) and _OPTION.search(word) is not None
