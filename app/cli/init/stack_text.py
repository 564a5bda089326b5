"""A proposal as the text of a stack file, commented as the example is. Pure."""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields
from textwrap import indent
from typing import Any

import yaml

from app.cli.init.example.settings import Example, comment
from app.cli.init.proposal import Proposal
from app.cli.init.routes.routed import RoutedFound
from app.domain.routing.routes import CATCH_ALL
from app.domain.stack import Checks, FileRules, GitHub, Keep, Needs, Stack, Times, Traefik, Updater

_PLAIN = re.compile(r"[\w./-]+")
SOURCE = "https://github.com/owner/name.git"
"""Shows what `source` may be, in a comment."""


def stack_text(proposal: Proposal, example: Example) -> str:
    """The whole file: paragraphs with an empty line between them."""
    paragraphs = [
        _head(proposal, example),
        *_release(proposal, example),
        *(part(proposal, example) for part in (_traefik, _routed, _singletons, _followers, _retired, _updater)),
        *_limits(proposal, example),
    ]
    return "\n".join(paragraphs)


def scalar(value: str) -> str:
    """`value` as YAML writes it on one line, with quotes where it needs them."""
    style = None if value.isprintable() else '"'
    written: str = yaml.safe_dump(value, default_style=style, width=sys.maxsize, allow_unicode=True)
    return written.removesuffix("...\n").strip()


def _flow(values: Iterable[str]) -> str:
    """A list on one line. A comma or a bracket in a value needs quotes there, and nowhere else."""
    return f"[{', '.join(scalar(value) if _PLAIN.fullmatch(value) else _quoted(value) for value in values)}]"


def _quoted(value: str) -> str:
    written: str = yaml.safe_dump(value, default_style='"', width=sys.maxsize, allow_unicode=value.isprintable())
    return written.strip()


def _head(proposal: Proposal, example: Example) -> str:
    first, *more = example.head
    file = _one_line(proposal.project.file)
    written = f"Written by `updater init` from {file}. Answer each QUESTION, then delete its mark."
    return comment((first, written, *more))


def _release(proposal: Proposal, example: Example) -> Iterator[str]:
    project = proposal.project
    yield example.lines("project", scalar(proposal.name))
    yield example.lines("repository", scalar(proposal.repository) + _mark(proposal, "repository"))
    yield example.lines("source", SOURCE, active=False)
    yield example.lines("directory", scalar(str(project.directory)))
    yield example.lines("compose_files", _flow((project.file, *project.more)))
    for key in ("env_files", "profiles", "variables", "allow_unset"):
        yield example.lines(key, example.settings[key].value, active=False)
    rules = {f"files/{field.name}": "false" if field.default is False else "[]" for field in fields(FileRules)}
    yield example.lines("files", active=False) + "".join(example.lines(*r, active=False) for r in rules.items())
    for key in ("channel", "tags", "supersede"):
        yield example.lines(key, _text(getattr(Stack, key)))


def _traefik(proposal: Proposal, example: Example) -> str:
    lines = [example.lines("traefik"), example.lines("traefik/entrypoints")]
    for name, url in proposal.entrypoints.items():
        lines.append(f"    {scalar(name)}: {scalar(url)}{_mark(proposal, f'traefik/entrypoints/{name}')}\n")
    lines.append(example.lines("traefik/metrics", scalar(proposal.metrics), active=proposal.has_metrics))
    lines.append(example.lines("traefik/rollout_header", _text(Traefik.rollout_header)))
    lines.append(example.lines("traefik/backend_idle", _text(Traefik.backend_idle)))
    return "".join(lines)


_OF_ROUTES = ("entrypoint", "rule", "middlewares")
"""The keys whose questions stand beside `routes`, if a service has several."""


def _routed(proposal: Proposal, example: Example) -> str:
    return example.lines("routed") + "".join(_services(proposal))


def _services(proposal: Proposal) -> Iterator[str]:
    for service in proposal.routed:
        yield f"  {scalar(service.name)}:\n"
        for key, value in _fields(service).items():
            asked = _OF_ROUTES if key == "routes" else (key,)
            yield f"    {key}: {_text(value)}{_mark(proposal, *(f'routed/{service.name}/{each}' for each in asked))}\n"
        if service.rule is None:
            yield f"    # rule: {CATCH_ALL}{_mark(proposal, f'routed/{service.name}/rule')}\n"


def _fields(service: RoutedFound) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "blue": service.blue,
        "green": service.green,
        "port": service.port,
        "health": {"path": service.health, **service.health_options} if service.health_options else service.health,
    }
    if service.routes:
        of_service = {key: value for key, value in service.options.items() if key not in service.routes[0]}
        return {**keys, **of_service, "routes": list(map(dict, service.routes))}
    keys["entrypoint"] = service.entrypoint
    return {**keys, **({"rule": service.rule} if service.rule else {}), **service.options}


def _singletons(proposal: Proposal, example: Example) -> str:
    lines = [example.lines("singletons", "" if proposal.singletons else "{}")]
    for name, service in proposal.singletons.items():
        lines.append(f"  {scalar(name)}:\n    service: {scalar(service)}\n")
    for name, (service, why) in proposal.unsure.items():
        lines.append(
            f"  # A singleton? Uncomment it if it must never run twice at the same time. Reason to ask: {why}.\n"
        )
        lines.append(f"  # {scalar(name)}:\n  #   service: {scalar(service)}\n")
    return "".join(lines)


def _followers(_: Proposal, example: Example) -> str:
    return example.lines("followers", active=False) + "#   worker:\n#     service: worker\n"


def _retired(proposal: Proposal, example: Example) -> str:
    if not proposal.retired:
        return example.lines("retired", example.settings["retired"].value, active=False)
    return example.lines("retired", _flow(proposal.retired))


def _updater(proposal: Proposal, example: Example) -> str:
    web, worker = map(scalar, proposal.updater or ("updater", "updater-worker"))
    values = {"web": web, "worker": worker, "ready": _text(Updater.ready)}
    keys = "".join(example.lines(f"updater/{key}", value) for key, value in values.items())
    if proposal.updater:
        return example.lines("updater") + keys
    return example.lines("updater", active=False) + indent(keys, "# ")


def _limits(proposal: Proposal, example: Example) -> Iterator[str]:
    """The parts that a project says nothing of, but for the longest `stop_grace_period`: the defaults."""
    yield _part(example, "times", Times(stop_grace=proposal.stop_grace))
    yield _part(example, "checks", Checks())
    yield _part(example, "needs", Needs())
    yield _part(example, "github", GitHub())
    yield _part(example, "keep", Keep())


def _part(example: Example, name: str, values: Times | Checks | Needs | GitHub | Keep) -> str:
    keys = [(f"{name}/{field.name}", getattr(values, field.name)) for field in fields(values)]
    return example.lines(name) + "".join(_key(example, path, value) for path, value in keys)


def _key(example: Example, path: str, value: object) -> str:
    """The default `value`; where there is none, the example's as a comment."""
    if value is None:
        return example.lines(path, example.settings[path].value, active=False)
    return example.lines(path, _text(value))


def _text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return f"{value:g}"
        case list() | dict():
            flow: str = yaml.safe_dump(value, default_flow_style=True, width=sys.maxsize, allow_unicode=True)
            return flow.strip()
        case _:
            return scalar(str(value))


def _mark(proposal: Proposal, *paths: str) -> str:
    """A comment behind a value that a person has to look at, on its line whatever the sources have in their names."""
    questions = [proposal.notes.questions[path] for path in paths if path in proposal.notes.questions]
    return f" # QUESTION: {_one_line('; '.join(questions))}" if questions else ""


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
