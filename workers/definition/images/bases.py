"""The images that a service's build uses, if another service of the release builds them.

A build takes what this machine or a registry has under that name, which is an earlier release's.
https://docs.docker.com/reference/dockerfile/
"""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from workers.definition.images.built_with import CONTEXTS, built_with
from workers.definition.images.service_images import AT_DIGEST, BUILD, builders_of, whole_name

LARGEST = 1 << 20
"""The largest Dockerfile to read, in bytes."""

_CONTINUED = re.compile(r"\\[ \t]*\n")
_ARG = re.compile(r"\s*ARG\s+(?P<arguments>.+)", re.IGNORECASE)
_ARGUMENT = re.compile(r"""(?P<name>\w+)(?:=(?P<value>(?:"[^"]*"|'[^']*'|[^\s"'])*))?""")
_FROM = re.compile(r"\s*FROM\s+(?:--\S+\s+)*(?P<image>\S+)(?:\s+AS\s+(?P<stage>\S+))?\s*", re.IGNORECASE)
_COPY = re.compile(r"\s*(?:COPY|ADD)\s+(?:--\S+\s+)*?--from=(?P<image>\S+)", re.IGNORECASE)
_RUN = re.compile(r"\s*RUN\s", re.IGNORECASE)
_MOUNT = re.compile(r"--mount=(?P<options>\S+)")
_MOUNTED = re.compile(r"(?:^|,)from=[\"']?(?P<image>[^,\"'\s]+)")
IMAGE_CONTEXT = "docker-image://"
"""Before the name of an image that is a build context: https://docs.docker.com/reference/compose-file/build/"""

_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::?-(?P<default>[^{}]*))?\}|(?P<bare>\w+))")


def built_bases(model: Mapping[str, Any], moved: Collection[str], project: str, hub: str) -> Iterator[str]:
    """What refuses a release, for each such image of a service that the updater builds. Reads the Dockerfiles."""
    services: Mapping[str, Mapping[str, Any]] = model.get("services") or {}
    builders = builders_of(services, project, hub)
    for name in built_with(services, moved):
        for image, user in _used(services[name].get(BUILD) or {}).items():
            others = builders.get(whole_name(image, hub), [])
            if others and name not in others and AT_DIGEST not in image:
                yield (
                    f"{name}: its {user} uses the image {image}, which {' and '.join(others)} builds. The build would "
                    f"find the one of an earlier release. Make it a stage of the same Dockerfile, or have "
                    f"`additional_contexts` name the service: {image}: service:{others[0]}"
                )


def _used(build: Mapping[str, Any]) -> dict[str, str]:
    """The images that a build takes from this machine or a registry, each with the part of the build that names it."""
    contexts = {name: str(value) for name, value in (build.get(CONTEXTS) or {}).items()}
    named = [each.removeprefix(IMAGE_CONTEXT) for each in contexts.values() if each.startswith(IMAGE_CONTEXT)]
    found = bases(_dockerfile(build), build.get("args") or {})
    return {image: "Dockerfile" for image in found if image not in contexts} | dict.fromkeys(named, CONTEXTS)


def bases(text: str, args: Mapping[str, Any]) -> list[str]:
    """The images in the Dockerfile `text` that are no stage of it. `args`: build arguments.

    They are in FROM, `COPY --from` and `RUN --mount=from`.
    """
    known: dict[str, str] = {}
    stages: set[str] = set()
    found: dict[str, None] = {}
    for line in _CONTINUED.sub(" ", text).splitlines():
        if arg := _ARG.fullmatch(line):
            for each in _ARGUMENT.finditer(arg["arguments"]):
                given = args.get(each["name"])
                known[each["name"]] = str(given) if given is not None else _unquoted(each["value"] or "")
            continue
        for written in _images_of(line):
            image = _VARIABLE.sub(lambda m: known.get(m["braced"] or m["bare"]) or m["default"] or "", written)
            if image and image.lower() not in stages:
                found[image] = None
        if (begun := _FROM.fullmatch(line)) and begun["stage"]:
            stages.add(begun["stage"].lower())
    return list(found)


def _images_of(line: str) -> Iterator[str]:
    """The images that one instruction of a Dockerfile names, as they are written."""
    if match := _FROM.fullmatch(line) or _COPY.match(line):
        yield match["image"]
    if _RUN.match(line):
        for mount in _MOUNT.finditer(line):
            yield from (each["image"] for each in _MOUNTED.finditer(mount["options"]))


def _unquoted(value: str) -> str:
    return value.replace('"', "").replace("'", "")


def _dockerfile(build: Mapping[str, Any]) -> str:
    """The text of the Dockerfile; empty if it is not on this machine."""
    if inline := build.get("dockerfile_inline"):
        return str(inline)
    file = Path(str(build.get("context") or ""), str(build.get("dockerfile") or "Dockerfile"))
    try:
        with file.open("rb") as opened:
            return opened.read(LARGEST).decode("utf-8", "replace") if file.is_absolute() else ""
    except OSError:
        return ""
