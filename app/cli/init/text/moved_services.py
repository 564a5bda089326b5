"""The services that move with a release, as text of the stack file. Pure."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from app.cli.init.example.settings import Example
from app.cli.init.routes.routed import RoutedFound
from app.cli.init.services.uncolored import Entry
from app.cli.init.text.yaml_values import scalar, text_of
from app.domain.routing.routes import CATCH_ALL

Mark = Callable[..., str]
"""The mark behind the value at one of the paths, if it has a question."""

_OF_ROUTES = ("entrypoint", "rule", "middlewares")
"""The keys whose questions stand beside `routes`, if a service has several."""


def routed_text(routed: Sequence[RoutedFound], example: Example, mark: Mark) -> str:
    return example.lines("routed") + "".join(_services(routed, mark))


def singletons_text(entries: Sequence[Entry], example: Example, mark: Mark) -> str:
    lines = [example.lines("singletons", "" if any(each.active for each in entries) else "{}")]
    return "".join([*lines, *(_named("singletons", each, mark) for each in _active_first(entries))])


def followers_text(entries: Sequence[Entry], example: Example, mark: Mark) -> str:
    if not entries:
        return example.lines("followers", active=False) + "#   worker:\n#     service: worker\n"
    return example.lines("followers") + "".join(_named("followers", each, mark) for each in entries)


def jobs_text(entries: Sequence[Entry], example: Example) -> str:
    """The commands before the flip; empty if there are none."""
    if not entries:
        return ""
    lines = [example.lines("before_flip", active=any(each.active for each in entries))]
    for each in entries:
        item = f"  - service: {scalar(each.service)}\n"
        lines.append(
            item if each.active else f"  # {each.service}: {each.question}. Reason to ask: {each.why}.\n#{item}"
        )
    return "".join(lines)


def _active_first(entries: Sequence[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda each: not each.active)


def _named(key: str, each: Entry, mark: Mark) -> str:
    if each.active:
        service = f"{scalar(each.service)}{mark(f'{key}/{each.name}/service')}"
        return f"  {scalar(each.name)}:\n    service: {service}\n"
    asked = f"  # {each.question}. Reason to ask: {each.why}.\n"
    return f"{asked}  # {scalar(each.name)}:\n  #   service: {scalar(each.service)}\n"


def _services(routed: Sequence[RoutedFound], mark: Mark) -> Iterator[str]:
    for service in routed:
        yield f"  {scalar(service.name)}:\n"
        for key, value in _fields(service).items():
            asked = _OF_ROUTES if key == "routes" else (key,)
            yield f"    {key}: {text_of(value)}{mark(*(f'routed/{service.name}/{each}' for each in asked))}\n"
        if service.rule is None:
            yield f"    # rule: {CATCH_ALL}{mark(f'routed/{service.name}/rule')}\n"


def _fields(service: RoutedFound) -> dict[str, Any]:
    made = service.blue == service.green
    keys: dict[str, Any] = {
        **({"service": service.blue} if made else {"blue": service.blue, "green": service.green}),
        "port": service.port,
        "health": {"path": service.health, **service.health_options} if service.health_options else service.health,
    }
    if service.routes:
        of_service = {key: value for key, value in service.options.items() if key not in service.routes[0]}
        return {**keys, **of_service, "routes": list(map(dict, service.routes))}
    keys["entrypoint"] = service.entrypoint
    return {**keys, **({"rule": service.rule} if service.rule else {}), **service.options}
