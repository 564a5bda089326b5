"""Builds the Compose model of an adopted release: pure functions of the live directory's model."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from app.domain.stack import Color, Stack
from workers.definition import transform
from workers.definition.labels import Model, image_name
from workers.definition.live_model import FOUND
from workers.definition.services.colors import with_colors, with_singles
from workers.definition.services.copies import with_copies
from workers.ports import Instance, Stamp

HASH_LABEL = "com.docker.compose.config-hash"


def adopted_model(model: Model, stack: Stack, stamp: Stamp, names: Mapping[str, str]) -> Model:
    """Returns the definition from which the release can be recreated: `model` with the kept images `names`.

    It also keeps the services as they run, for `as_it_runs`. Raises ComposeInvalid.
    """
    result = transform.transform(model, stack, stamp)
    for service, name in names.items():
        result["services"][service] |= {"image": name, "pull_policy": "never"}
    written = with_colors(model, stack)["services"]
    found = {name: written[name] for name in stack.moved_services() if name in (model.get("services") or {})}
    return with_singles({**result, FOUND: found}, model, stack)


def images_as_found(model: Model) -> dict[str, str]:
    """The name of the image of each service that ran before the updater. Compose names one that it builds."""
    found = model.get(FOUND) or {}
    return {name: str(service.get("image") or f"{model['name']}-{name}") for name, service in found.items()}


def as_counted(model: Model, stack: Stack, color: Color, instances: Sequence[Instance]) -> Model:
    """`model`, before colors are made, with as many copies of both colors as run of `color`, and of a follower.

    So a plain `docker compose up` stops none.
    """
    running, services = Counter(i.service for i in instances), dict(model.get("services") or {})
    for routed in stack.routed:
        written = (routed.made_from,) if routed.made_from else routed.colors.values()
        for name in (n for n in written if n in services and routed.colors[color] in running):
            services[name] = with_copies(services[name], running[routed.colors[color]])
    for name in (f.service for f in stack.followers if f.service in services and f.service in running):
        services[name] = with_copies(services[name], running[name])
    return {**model, "services": services}


def kept_images(model: Model, stack: Stack, stamp: Stamp, color: Color, images: Mapping[str, str]) -> dict[str, str]:
    """Maps the name under which an image is kept to its id, for the services of `images_kept`."""
    known = images_kept(model, stack, color, images)
    return {image_name(stack.project, service, stamp.sha): image for service, image in known.items()}


def images_kept(model: Model, stack: Stack, color: Color, images: Mapping[str, str]) -> dict[str, str]:
    """`images`, by the service that runs with each, and what the idle color would run with.

    The idle color gets the images of the running color if both use the same build or image.
    """
    known, model = dict(images), with_colors(model, stack)
    for routed in stack.routed:
        active, idle = routed.colors[color], routed.colors[color.other]
        if active in images and _same_image(model["services"].get(active), model["services"].get(idle)):
            known[idle] = images[active]
    return known


def recreatable(hashes: Mapping[str, str], stack: Stack, color: Color, instances: Sequence[Instance]) -> frozenset[str]:
    """Returns the services whose containers Compose would recreate identically from the live directory's file."""
    hashes = {**hashes, **{color: hashes[name] for name, color in stack.singles().items() if name in hashes}}
    same = set(_services(instances, hashes, equal=True)) - set(_services(instances, hashes, equal=False))
    idle = {s.colors[color.other] for s in stack.routed if s.colors[color] in same}
    return frozenset(same | idle)


def _services(instances: Sequence[Instance], hashes: Mapping[str, str], *, equal: bool) -> Iterable[str]:
    return (i.service for i in instances if (i.labels.get(HASH_LABEL) == hashes.get(i.service)) is equal)


def _same_image(one: Mapping[str, object] | None, other: Mapping[str, object] | None) -> bool:
    if one is None or other is None:
        return False
    return all(one.get(key) == other.get(key) for key in ("build", "image"))
