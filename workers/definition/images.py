"""The images of a release's services: built, pulled, or of this machine. Pure functions."""

import copy
from collections.abc import Collection, Mapping
from typing import Any

from app.domain.errors import ComposeInvalid
from workers.definition.transform import Model

BUILD = "build"
OF_THIS_MACHINE = "never"
"""The `pull_policy` of an image that is in no registry.

https://docs.docker.com/reference/compose-file/services/#pull_policy
"""

LATEST = "latest"
AT_DIGEST = "@sha256:"


def repository_and_tag(image: str) -> tuple[str, str]:
    """The image's name without tag and digest, and its tag; `latest` if it has none.

    https://pkg.go.dev/github.com/distribution/reference
    """
    name, _, _ = image.partition("@")
    path, colon, tag = name.rpartition(":")
    return (path, tag) if colon and "/" not in tag else (name, LATEST)


def with_shared_builds(model: Mapping[str, Any], moved: Collection[str], project: str) -> Model:
    """`model`, in which each moved service whose image another service builds has that build too.

    So all of them run what the release says, and none runs an older image of that name. Raises ComposeInvalid if the
    builders of one image differ.
    """
    result: Model = copy.deepcopy(dict(model))
    services: dict[str, Model] = result.get("services") or {}
    for name, builders in _shared(services, project).items():
        builds = [services[each][BUILD] for each in builders]
        if name in moved and any(build != builds[0] for build in builds):
            raise ComposeInvalid(
                f"{name} uses the image {services[name]['image']}, which {' and '.join(builders)} build in different "
                f"ways. Traffic is unchanged. Give {name} the `build` that is meant"
            )
        if name in moved:
            services[name][BUILD] = copy.deepcopy(builds[0])
    return result


def left_behind(model: Mapping[str, Any], moved: Collection[str], project: str) -> list[str]:
    """What to say of services that use an image which a moved service builds, and that no rollout moves."""
    services: Mapping[str, Mapping[str, Any]] = model.get("services") or {}
    return [
        f"{name} uses the image {services[name]['image']}, built by {' and '.join(builders)}, but no rollout moves "
        f"{name}: it keeps its old code. Name it in the stack file, or build and restart it by hand"
        for name, builders in _shared(services, project).items()
        if name not in moved and set(builders) & set(moved)
    ]


def _shared(services: Mapping[str, Mapping[str, Any]], project: str) -> dict[str, list[str]]:
    """The services without a build whose image other services build, each with these."""
    builders: dict[tuple[str, str], list[str]] = {}
    for name, service in services.items():
        if BUILD in service:
            image = str(service.get("image") or f"{project}-{name}")
            builders.setdefault(repository_and_tag(image), []).append(name)
    unbuilt_ones = {name: str(s["image"]) for name, s in services.items() if BUILD not in s and "image" in s}
    found = {name: builders.get(repository_and_tag(image), []) for name, image in unbuilt_ones.items()}
    return {name: made_by for name, made_by in found.items() if made_by}


def unbuilt(model: Mapping[str, Any], names: Collection[str]) -> dict[str, list[str]]:
    """The images of those services `names` that have no build; each with its services."""
    found: dict[str, list[str]] = {}
    for name in names:
        service = model["services"].get(name) or {}
        if BUILD not in service and "image" in service:
            found.setdefault(str(service["image"]), []).append(name)
    return found


def is_of_this_machine(service: Mapping[str, Any]) -> bool:
    """Whether the image of a service without a build is never pulled."""
    return service.get("pull_policy") == OF_THIS_MACHINE


def is_fixed(service: Mapping[str, Any]) -> bool:
    """Whether the service always starts from the same image: a built one, one by digest, or one of our own name."""
    return BUILD in service or AT_DIGEST in str(service.get("image", "")) or is_of_this_machine(service)


def with_images(model: Mapping[str, Any], digests: Mapping[str, str], names: Mapping[str, str]) -> Model:
    """`model`, in which services run by digest (`digests`) or from an image of this machine (`names`), by service."""
    result: Model = copy.deepcopy(dict(model))
    for service, image in digests.items():
        result["services"][service]["image"] = image
        result["services"][service].pop("pull_policy", None)
    for service, image in names.items():
        result["services"][service] |= {"image": image, "pull_policy": OF_THIS_MACHINE}
    return result
