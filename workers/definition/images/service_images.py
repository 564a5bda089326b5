"""The images of a release's services: built, pulled, or of this machine. Pure functions."""

import copy
from collections.abc import Collection, Mapping
from typing import Any

from app.domain.errors import ComposeInvalid
from workers.definition.labels import Model

BUILD = "build"
OF_THIS_MACHINE = "never"
"""The `pull_policy` of an image that is in no registry.

https://docs.docker.com/reference/compose-file/services/#pull_policy
"""

LATEST = "latest"
AT_DIGEST = "@sha256:"
BEFORE = "x-updater-before"
"""In a definition whose rollout has not ended: the definition with which the release ran before."""


def repository_and_tag(image: str) -> tuple[str, str]:
    """The image's name without tag and digest, and its tag; `latest` if it has none.

    https://pkg.go.dev/github.com/distribution/reference
    """
    name, _, _ = image.partition("@")
    path, colon, tag = name.rpartition(":")
    return (path, tag) if colon and "/" not in tag else (name, LATEST)


def with_shared_builds(model: Mapping[str, Any], moved: Collection[str], project: str, hub: str) -> Model:
    """`model`, in which each moved service whose image another service builds has that build too.

    So all of them run what the release says, and none runs an older image of that name. `hub` is the registry of names
    without one. Raises ComposeInvalid if the builders of one image differ.
    """
    result: Model = copy.deepcopy(dict(model))
    services: dict[str, Model] = result.get("services") or {}
    for name, builders in _shared(services, project, hub).items():
        builds = [services[each][BUILD] for each in builders]
        if name in moved and any(build != builds[0] for build in builds):
            raise ComposeInvalid(
                f"{name} uses the image {services[name]['image']}, which {' and '.join(builders)} build in different "
                f"ways. Traffic is unchanged. Give {name} the `build` that is meant"
            )
        if name in moved:
            services[name][BUILD] = copy.deepcopy(builds[0])
    return result


def left_behind(model: Mapping[str, Any], moved: Collection[str], project: str, hub: str) -> list[str]:
    """What to say of services that use an image which a moved service builds, and that no rollout moves."""
    services: Mapping[str, Mapping[str, Any]] = model.get("services") or {}
    return [
        f"{name} uses the image {services[name]['image']}, built by {' and '.join(builders)}, but no rollout moves "
        f"{name}: it keeps its old code. Name it in the stack file, or build and restart it by hand"
        for name, builders in _shared(services, project, hub).items()
        if name not in moved and set(builders) & set(moved)
    ]


def _shared(services: Mapping[str, Mapping[str, Any]], project: str, hub: str) -> dict[str, list[str]]:
    """The services without a build whose image other services build, each with these. An image by digest is itself."""
    builders = builders_of(services, project, hub)
    unbuilt_ones = {name: str(s["image"]) for name, s in services.items() if BUILD not in s and "image" in s}
    found = {name: builders.get(whole_name(i, hub), []) for name, i in unbuilt_ones.items() if AT_DIGEST not in i}
    return {name: made_by for name, made_by in found.items() if made_by}


def builders_of(services: Mapping[str, Mapping[str, Any]], project: str, hub: str) -> dict[tuple[str, str], list[str]]:
    """The services that build each image, by its `whole_name`. A build has also the names in its `tags`."""
    builders: dict[tuple[str, str], list[str]] = {}
    for name, service in services.items():
        if BUILD in service:
            images = (service.get("image") or f"{project}-{name}", *((service[BUILD] or {}).get("tags") or ()))
            for image in dict.fromkeys(whole_name(str(each), hub) for each in images):
                builders.setdefault(image, []).append(name)
    return builders


def whole_name(image: str, hub: str) -> tuple[str, str]:
    """The repository and the tag, equal for every way to write the same image of `hub`."""
    repository, tag = repository_and_tag(image)
    return repository.removeprefix(f"index.{hub}/").removeprefix(f"{hub}/").removeprefix("library/"), tag


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


def images_by_digest(model: Mapping[str, Any]) -> set[str]:
    """The images that the model names by their digests, also those of BEFORE."""
    return {*_pinned(model).values(), *proven_images(model).values()}


def proven_images(model: Mapping[str, Any]) -> dict[str, str]:
    """The images by digest with which the release ran before, by service; none if its rollout has ended."""
    return _pinned(model.get(BEFORE) or {})


def _pinned(model: Mapping[str, Any]) -> dict[str, str]:
    services: Mapping[str, Mapping[str, Any]] = model.get("services") or {}
    return {n: str(s["image"]) for n, s in services.items() if AT_DIGEST in str(s.get("image", ""))}


def with_proven(model: Mapping[str, Any], before: Mapping[str, Any] | None) -> Model:
    """The new definition `model` of a release that was defined `before`, which it keeps as BEFORE.

    That is the way back until the new one has proven itself: the values and images with which the release ran.
    """
    return dict(model) if before is None else {**model, BEFORE: as_proven(before)}


def as_proven(model: Mapping[str, Any]) -> Model:
    """The definition that has proven itself: BEFORE, else `model`."""
    return settled(model.get(BEFORE) or model)


def settled(model: Mapping[str, Any]) -> Model:
    """`model`, which has proven itself."""
    return {key: value for key, value in model.items() if key != BEFORE}


def with_images_of(model: Mapping[str, Any], kept: Mapping[str, Any], moved: Collection[str]) -> Model:
    """`model`, whose `moved` services run from the images of `kept`, another definition of the same release.

    One that `kept` does not have stays as it is: a job that the stack file names since, which does not run again.
    """
    result: Model = copy.deepcopy(dict(model))
    for name in (name for name in moved if name in result["services"] and name in kept["services"]):
        before: Mapping[str, Any] = kept["services"][name] or {}
        service: Model = result["services"][name]
        for key in ("image", "pull_policy"):
            service.pop(key, None)
            service |= {key: before[key]} if key in before else {}
    return result


def with_images(model: Mapping[str, Any], digests: Mapping[str, str], names: Mapping[str, str]) -> Model:
    """`model`, in which services run by digest (`digests`) or from an image of this machine (`names`), by service."""
    result: Model = copy.deepcopy(dict(model))
    for service, image in digests.items():
        result["services"][service]["image"] = image
        result["services"][service].pop("pull_policy", None)
    for service, image in names.items():
        result["services"][service] |= {"image": image, "pull_policy": OF_THIS_MACHINE}
    return result
