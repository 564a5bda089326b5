"""Options with which a service may not run as its release says, at the start or at a rollback. Pure functions.

Their file or image is not kept with the release, or only Compose itself obeys them.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from app.domain.stack import BOTH
from workers.definition.files.origins import MOUNTED_PARTS
from workers.definition.images.service_images import AT_DIGEST
from workers.definition.services.retired import SHARED, uses_in

INSTEAD_OF_SSH = "Hand the key over in build/secrets, and use it in the Dockerfile with `RUN --mount=type=secret,id=…`"

Services = Mapping[str, Mapping[str, Any]]

_SECCOMP = re.compile(r"seccomp[=:](?P<profile>.*)")
_NO_FILE = frozenset({"unconfined", "builtin"})
"""https://docs.docker.com/engine/security/seccomp/"""


def unkept(model: Mapping[str, Any], moved: Mapping[str, str | None]) -> Iterator[str]:
    """What refuses a release, for each such option of a service that the updater moves, and what to write instead.

    `moved`: the services with their colors.
    """
    services: Services = model.get("services") or {}
    for name in services:
        own = (*_of(services[name]), *_copied(model, name), *_without_provider(name, services)) if name in moved else ()
        asleep = name not in moved and services[name].get("profiles")  # it starts only if an operator asks for it
        shared = () if asleep else _with_others(name, services, moved)
        yield from (f"{name}: {problem}" for problem in (*own, *shared))


def _of(service: Mapping[str, Any]) -> Iterator[str]:
    for option in service.get("security_opt") or ():
        found = _SECCOMP.fullmatch(str(option).strip())
        if found and found["profile"] not in _NO_FILE and not found["profile"].startswith("/"):
            yield (
                f"security_opt has {option}, a file that Compose reads only when it starts the container. Write its "
                "absolute path on the host, where the worker can read it"
            )
    for volume in service.get("volumes") or ():
        source = str(volume.get("source") or "")
        if volume.get("type") == "image" and AT_DIGEST not in source:
            yield (
                f"volumes has the image {source}, which may be another one at a rollback. Write its digest "
                f"({source.rpartition('/')[2]}{AT_DIGEST}…), or copy its files in a build"
            )
    for hook in ("pre_start", "post_start", "pre_stop"):
        if service.get(hook):
            yield (
                f"{hook} would not run each time: Compose runs it, and the updater starts and stops containers by the "
                "engine. Run its command in the container's own entrypoint"
            )
    if (service.get("build") or {}).get("ssh"):
        yield f"build/ssh needs an SSH agent, and the updater has none. {INSTEAD_OF_SSH}"
    if service.get("use_api_socket"):
        yield (
            "use_api_socket takes the worker's own credentials, and Compose copies them only when it starts the "
            "container. Mount the engine's socket and a config.json instead"
        )
    if service.get("models"):
        yield (
            "models are not kept with a release: another one may run at a rollback. Start the model in a service of "
            "its own, and write its address into environment"
        )


def _without_provider(name: str, services: Services) -> Iterator[str]:
    for other in services[name].get("depends_on") or ():
        if "provider" in (services.get(other) or {}):
            yield (
                f"depends_on has {other}, whose provider gives it variables, but the updater runs no provider. Write "
                "their values into environment"
            )


def _with_others(name: str, services: Services, moved: Mapping[str, str | None]) -> Iterator[str]:
    """What any service, also one that no rollout moves, takes from a container that is replaced at another time."""
    color = moved.get(name)
    apart = {each for each, its_color in moved.items() if color is None or its_color != color} - {name}
    named = {f"container:{c}": each for each in apart if (c := services.get(each, {}).get("container_name"))}
    for key, value in _shares(services[name]):
        source = value.removesuffix(":ro").removesuffix(":rw")
        if (other := named.get(source, source.removeprefix("service:"))) in apart:
            yield (
                f"{key} has {value}, which the updater replaces at another time: {name} would keep what the old "
                f"container of {other} has. Give {name} what it needs itself"
            )
    single = {each for each in apart if moved[each] != BOTH}  # `with_colors` leaves a link to both colors out
    fixed = {c: each for each in single if (c := services.get(each, {}).get("container_name"))}
    for link in services[name].get("external_links") or ():
        if replaced := fixed.get(str(link).partition(":")[0]):
            yield (
                f"external_links has {link}, which leads to the container of {replaced} that runs now, and the updater "
                f"replaces it. Connect to {replaced} instead, by its service's name in a network that both are in"
            )
    for link in services[name].get("links") or ():
        other, _, alias = str(link).partition(":")
        if other in apart and moved[other] is None and alias not in {"", other}:
            yield (
                f"links has {link}, which leads to the container of {other} that runs now, and the updater replaces "
                f"it. Connect to {other} instead, or write `aliases: [{alias}]` below networks of {other}"
            )


def _shares(service: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in SHARED:
        if str(service.get(key) or "").startswith(("service:", "container:")):
            yield key, str(service[key])
    yield from (("volumes_from", str(value)) for value in service.get("volumes_from") or ())


def _copied(model: Mapping[str, Any], name: str) -> Iterator[str]:
    """Neither Compose nor the updater can copy a file into a container whose file system is read-only."""
    service = model["services"][name]
    if not service.get("read_only"):
        return
    for part in MOUNTED_PARTS:
        for key, defined in {use["source"]: defined or {} for use, defined in uses_in(part, service, model)}.items():
            if source := next((each for each in ("content", "environment") if defined.get(each)), None):
                yield (
                    f"{part}/{key} has `{source}:`, and it cannot be copied into the container, because that has "
                    "`read_only: true`. Write it as `file:`"
                )
