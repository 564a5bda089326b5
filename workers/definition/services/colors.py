"""Makes both colors of a service that the release's files have once: `web` becomes `web-blue` and `web-green`.

Two colors cannot share what only one container can have, so they are made without it. A reference of another service to
`web` leads to a color, or is left out. All functions are pure.
"""

import copy
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from app.domain.callers.names import FORMER_NAMES
from app.domain.errors import ComposeInvalid
from app.domain.stack import Color, RoutedService, Stack
from workers.definition.images.built_with import CONTEXTS, SERVICE
from workers.definition.services.retired import SHARED
from workers.definition.services.router_labels import is_route, problems_of

CONTAINER = "container:"
ADDRESSES = ("ipv4_address", "ipv6_address", "link_local_ips", "mac_address")
"""Keys of a service's network that only one container can have.

https://docs.docker.com/reference/compose-file/services/#networks
"""

SINGLES = "x-updater-singles"
"""In the definition of an adopted release: the services that its colors were made from, as they run without colors."""

Model = dict[str, Any]
Service = Mapping[str, Any]


def with_colors(model: Mapping[str, Any], stack: Stack) -> Model:
    """`model`, the output of `compose config`, in which each service that colors are made from is both colors.

    A reference from one color leads to the same color, one from any other service to the blue one: `as_it_runs` makes
    that the live one. Raises ComposeInvalid if the files have a service with the name of a color.
    """
    result: Model = copy.deepcopy(dict(model))
    services: dict[str, Model] = result.get("services") or {}
    made = _made(services, stack)
    if taken := sorted(name for routed in made.values() for name in routed.colors.values() if name in services):
        raise ComposeInvalid(
            f"it has the service {', '.join(taken)}, and the updater makes a service of that name from "
            f"{', '.join(made)}. Rename it; or, if it is a color, write `blue` and `green` in the stack file in place "
            "of `service`"
        )
    for original, routed in made.items():
        written = services.pop(original)
        services |= {name: _color(written) for name in routed.colors.values()}
        result[FORMER_NAMES] = {**result.get(FORMER_NAMES, {}), routed.name: _names(written)}
    colors = stack.moved_services()
    for name, service in services.items():
        leads = {original: routed.colors[colors.get(name) or Color.BLUE] for original, routed in made.items()}
        lead(service, leads, _containers(model, made), keep_links=colors.get(name) is not None)
    return result


def with_singles(result: Model, written: Mapping[str, Any], stack: Stack) -> Model:
    """`result`, made of the model `written`, which also keeps how the services ran that colors are made from."""
    services: Mapping[str, Service] = written.get("services") or {}
    singles = {name: copy.deepcopy(services[name]) for name in stack.singles() if name in services}
    return {**result, SINGLES: singles} if singles else result


def _made(services: Mapping[str, Service], stack: Stack) -> dict[str, RoutedService]:
    """The services that colors are made from, each with what it becomes."""
    return {r.made_from: r for r in stack.routed if r.made_from and r.made_from in services}


def left_out(model: Mapping[str, Any], stack: Stack) -> Iterator[str]:
    """What to say of what the colors, and links of other services, are without. `model`: as for `with_colors`."""
    services: Mapping[str, Service] = model.get("services") or {}
    made = _made(services, stack)
    for service, routed in made.items():
        if lost := list(_lost(services[service])):
            yield (
                f"{' and '.join(routed.colors.values())} are made from {service} without its {', '.join(lost)}: two "
                "copies cannot share that. Clients reach them through Traefik"
            )
    moved, containers = stack.written_services(), _containers(model, made)
    for name in services:
        lost_names = set(containers) if moved.get(name) else {*made, *containers}
        if links := _links_to(services[name], lost_names):
            yield (
                f"{name} runs without its {' and '.join(links)}: a link would lead to one color, live or not. "
                f"Let {name} call Traefik instead"
            )


def problems(model: Mapping[str, Any], stack: Stack) -> Iterator[str]:
    """What refuses a release, because the colors of such a service would run with less protection than it has."""
    services: Mapping[str, Service] = model.get("services") or {}
    made = _made(services, stack)
    for service, routed in made.items():
        yield from (f"{service}: {problem}" for problem in problems_of(services[service], routed))


def _color(original: Service) -> Model:
    color = copy.deepcopy(dict(original))
    color.pop("container_name", None)
    color.pop("mac_address", None)
    if ports := color.pop("ports", None):
        color["expose"] = list(dict.fromkeys([*map(str, color.get("expose") or ()), *map(_exposed, ports)]))
    if networks := color.get("networks"):
        color["networks"] = {name: _shareable(settings) for name, settings in networks.items()}
    if labels := color.get("labels"):
        color["labels"] = {key: value for key, value in labels.items() if not is_route(key)}
    return color


def _shareable(settings: Mapping[str, Any] | None) -> Model | None:
    """The settings of one network without what only one container can have, and without names that both would have."""
    left = {key: value for key, value in (settings or {}).items() if key not in {*ADDRESSES, "aliases"}}
    return left or None


def _exposed(port: Mapping[str, Any]) -> str:
    protocol = str(port.get("protocol") or "tcp")
    return f"{port['target']}" if protocol == "tcp" else f"{port['target']}/{protocol}"


def _lost(service: Service) -> Iterator[str]:
    """What the colors are without, with its values."""
    if name := service.get("container_name"):
        yield f"container_name {name}"
    if ports := service.get("ports"):
        yield f"published ports {', '.join(map(_published, ports))}"
    networks: Mapping[str, Mapping[str, Any]] = {k: s for k, s in (service.get("networks") or {}).items() if s}
    for network, settings in networks.items():
        yield from (f"networks/{network}/{key} {_words(settings[key])}" for key in ADDRESSES if settings.get(key))
        if aliases := settings.get("aliases"):
            yield f"networks/{network}/aliases {_words(aliases)}"
    if address := service.get("mac_address"):
        yield f"mac_address {address}"
    yield from (f"label {label}" for label in service.get("labels") or () if is_route(label))


def _published(port: Mapping[str, Any]) -> str:
    return ":".join(str(each) for each in (port.get("host_ip"), port.get("published"), port.get("target")) if each)


def _words(value: object) -> str:
    return " and ".join(map(str, value)) if isinstance(value, list) else str(value)


def _names(service: Service) -> list[str]:
    """The names beside its own by which other services may call it: those that its colors are without."""
    networks = (service.get("networks") or {}).values()
    aliases = [alias for settings in networks for alias in (settings or {}).get("aliases") or ()]
    return list(dict.fromkeys([*filter(None, [service.get("container_name")]), *aliases]))


def _containers(model: Mapping[str, Any], made: Mapping[str, RoutedService]) -> dict[str, str]:
    """The fixed container names of the services that colors are made from, each with its service."""
    services: Mapping[str, Service] = model.get("services") or {}
    return {str(name): service for service in made if (name := services[service].get("container_name"))}


def lead(service: Model, leads: Mapping[str, str], containers: Mapping[str, str], *, keep_links: bool) -> None:
    """Changes each reference of `service` to a key of `leads` into one to its value."""
    lead_waits(service, leads)
    targets = {SERVICE + name: SERVICE + color for name, color in leads.items()}
    targets |= {CONTAINER + name: SERVICE + leads[original] for name, original in containers.items()}
    for key in SHARED:
        if service.get(key) in targets:
            service[key] = targets[service[key]]
    if volumes := service.get("volumes_from"):
        service["volumes_from"] = [_led(each, {**targets, **leads}) for each in volumes]
    contexts = (service.get("build") or {}).get(CONTEXTS) or {}
    for name, value in contexts.items():
        contexts[name] = targets.get(value, value)
    _lead_links(service, leads, containers, keep=keep_links)


def lead_waits(service: Model, leads: Mapping[str, str]) -> None:
    """The same, for what `service` waits for alone."""
    if waits := service.get("depends_on"):
        service["depends_on"] = {leads.get(name, name): how for name, how in waits.items()}


def _led(value: str, targets: Mapping[str, str]) -> str:
    """`value` of `volumes_from`, which may end with an access mode."""
    source = value.removesuffix(":ro").removesuffix(":rw")
    return targets.get(source, source) + value[len(source) :]


def _lead_links(service: Model, leads: Mapping[str, str], containers: Mapping[str, str], *, keep: bool) -> None:
    """A color keeps its links to the same color, by the names that it uses. Any other service loses them."""
    links = service.get("links") or ()
    left = {
        "links": [_led_link(each, leads) for each in links if keep or _split(each)[0] not in leads],
        "external_links": [each for each in service.get("external_links") or () if _split(each)[0] not in containers],
    }
    for key, each in left.items():
        if each:
            service[key] = each
        else:
            service.pop(key, None)


def _led_link(link: str, leads: Mapping[str, str]) -> str:
    name, alias = _split(link)
    return f"{leads[name]}:{alias}" if name in leads else link


def _split(link: str) -> tuple[str, str]:
    """The service or container of a link, and the name by which it is called."""
    name, _, alias = str(link).partition(":")
    return name, alias or name


def _links_to(service: Service, names: Collection[str]) -> list[str]:
    keys = ("links", "external_links")
    return [f"{key} {each}" for key in keys for each in service.get(key) or () if _split(each)[0] in names]
