"""Finds the services whose image a release replaces: those that it builds, and those with an image of its own. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.cli.init.images.build_files import built_image
from app.cli.init.project.compose_file import Project
from app.cli.init.project.service_facts import image_name
from app.cli.init.services.infrastructure import STORES, is_infrastructure

_VARIABLE = re.compile(r"\$\{?(?P<name>\w+)(?::?-(?P<default>[^}]*))?")
_OF_A_RELEASE = re.compile(r"(?:^|_)(?:IMAGE)?(?:TAG|VERSION|RELEASE|SHA\d*|COMMIT|REVISION)(?:$|_)", re.IGNORECASE)
_SHA = re.compile(r"(?:^|_)(?:SHA\d*|COMMIT|REVISION)(?:$|_)", re.IGNORECASE)


@dataclass(frozen=True)
class TagVariable:
    """A variable in an image's tag, and the release's value that fits its default: `tag`, `version` or `sha`."""

    name: str
    value: str
    service: str


def released(project: Project) -> dict[str, str]:
    """Service → why its image is one of the release. Databases, proxies and other programs are none, also if built."""
    found = dict(_found(project))
    images = {_plain(project, name): name for name in found}
    for name in project.services:
        if name not in found and (first := images.get(_plain(project, name))) and _plain(project, name):
            found[name] = f"it has the image of {first}"
    return found


def tag_variables(project: Project, names: list[str]) -> list[TagVariable]:
    """The variables in the tags of the images of `names`, each once."""
    found: dict[str, TagVariable] = {}
    for name in names:
        _, _, tagged = project.images.get(name, "").rpartition("/")
        for match in _VARIABLE.finditer(tagged):
            if _OF_A_RELEASE.search(match["name"]):
                found.setdefault(match["name"], TagVariable(match["name"], _value(match), name))
    return list(found.values())


def store_base(project: Project, name: str) -> str:
    """The database or other store from which the service's image is built; empty if it is none."""
    built = built_image(project, project.services[name])
    base = image_name({"image": built.image.base}) if built else ""
    return base if base in STORES else ""


def _found(project: Project) -> Iterator[tuple[str, str]]:
    owner = (project.repository or "").partition("/")[0].lower()
    for name, service in project.services.items():
        if "build" in service:
            if not store_base(project, name):
                yield name, "it is built"
        elif not is_infrastructure(image_name(service)):
            if variables := tag_variables(project, [name]):
                yield name, f"its image has the variable {variables[0].name}"
            elif owner and owner in str(service.get("image")).lower().split("/")[:-1]:
                yield name, f"its image is of {owner}, as the repository is"


def _plain(project: Project, name: str) -> str:
    """The image's name with its tag; for a service that builds, only if the file gives the image a name."""
    return str(project.services[name].get("image") or "")


def _value(match: re.Match[str]) -> str:
    if _SHA.search(match["name"]):
        return "sha"
    return "version" if (match["default"] or "")[:1].isdigit() else "tag"
