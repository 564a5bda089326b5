"""The images that a service's Dockerfile begins with, if another service of the release builds them.

A build takes what this machine or a registry has under that name, which is an earlier release's.
https://docs.docker.com/reference/dockerfile/
"""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from workers.definition.images import BUILD, builders_of, whole_name

LARGEST = 1 << 20
"""The largest Dockerfile to read, in bytes."""

_CONTINUED = re.compile(r"\\[ \t]*\n")
_ARG = re.compile(r"\s*ARG\s+(?P<name>\w+)(?:=(?P<quote>[\"']?)(?P<value>\S*?)(?P=quote))?\s*", re.IGNORECASE)
_FROM = re.compile(r"\s*FROM\s+(?:--\S+\s+)*(?P<image>\S+)(?:\s+AS\s+(?P<stage>\S+))?\s*", re.IGNORECASE)
_COPY = re.compile(r"\s*COPY\s+(?:--\S+\s+)*?--from=(?P<image>\S+)", re.IGNORECASE)
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::?-(?P<default>[^{}]*))?\}|(?P<bare>\w+))")


def built_bases(model: Mapping[str, Any], moved: Collection[str], project: str, hub: str) -> Iterator[str]:
    """What refuses a release, for each such image of a service that the updater builds. Reads the Dockerfiles."""
    services: Mapping[str, Mapping[str, Any]] = model.get("services") or {}
    builders = builders_of(services, project, hub)
    for name in moved:
        build = (services.get(name) or {}).get(BUILD) or {}
        contexts = build.get("additional_contexts") or {}
        for image in bases(_dockerfile(build), build.get("args") or {}):
            others = builders.get(whole_name(image, hub), [])
            if others and name not in others and image not in contexts:
                yield (
                    f"{name}: its Dockerfile uses the image {image}, which {' and '.join(others)} builds. The build "
                    "would find the one of an earlier release. Make it a stage of the same Dockerfile"
                )


def bases(text: str, args: Mapping[str, Any]) -> list[str]:
    """The images in FROM and `COPY --from` that are no stage of the Dockerfile `text`. `args`: build arguments."""
    known: dict[str, str] = {}
    stages: set[str] = set()
    found: dict[str, None] = {}
    for line in _CONTINUED.sub(" ", text).splitlines():
        if arg := _ARG.fullmatch(line):
            given = args.get(arg["name"])
            known[arg["name"]] = str(given) if given is not None else arg["value"] or ""
        elif match := _FROM.fullmatch(line) or _COPY.match(line):
            image = _VARIABLE.sub(lambda m: known.get(m["braced"] or m["bare"]) or m["default"] or "", match["image"])
            if image and image.lower() not in stages:
                found[image] = None
            if stage := match.groupdict().get("stage"):
                stages.add(stage.lower())
    return list(found)


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
