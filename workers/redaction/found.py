"""The secrets in the texts and models that a stack is made of. None of these functions filters by length."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from workers.redaction.credentials import secrets_in_value
from workers.redaction.encodings import undoubled
from workers.redaction.env_text import assignments, loose_lines
from workers.redaction.names import is_secret_name
from workers.redaction.tokens import secrets_by_form

_OPTION = re.compile(r"(?:^|[\s\"'?&;])-{0,2}(?P<name>[A-Za-z][\w.-]*)=(?P<value>[^\s\"'&;]+)")
_COMMANDS = ("command", "entrypoint", "healthcheck")


def secrets_named(name: str, value: str) -> Iterator[str]:
    """Yields `value` if `name` says that it is secret, and what is secret in it by its form or by a key in it."""
    if is_secret_name(name):
        yield value
    yield from secrets_by_form(value)
    yield from secrets_in_value(value)


def secrets_in_env(text: str) -> Iterator[str]:
    """Yields the secrets in the text of an env file, or of another file with `NAME=value` or `NAME: value`."""
    for name, value in assignments(text):
        yield from secrets_named(name, value)
    for line in text.splitlines():
        if not line.lstrip().startswith("#"):
            yield from secrets_in_value(line)
    yield from secrets_by_form(text)


def secrets_in_env_file(text: str) -> Iterator[str]:
    """As `secrets_in_env`, and the lines that are no assignment: Compose quotes them when it refuses the file."""
    yield from secrets_in_env(text)
    yield from loose_lines(text)


def secrets_in_file(text: str) -> Iterator[str]:
    """Yields the content of a secret's file, which includes each of its lines, and the secrets in it."""
    yield text.strip()
    yield from secrets_in_env(text)


def secrets_in_model(model: Mapping[str, Any]) -> Iterator[str]:
    """Yields the secrets in a model that Compose resolved, but not those in the files that it names.

    A part that has another form than Compose's has no secrets.
    """
    for service in parts_of(model, "services"):
        for values in (service.get("environment"), _mapping(service.get("build")).get("args")):
            for name, value in _pairs(values):
                yield from secrets_named(name, value)
        for text in map(undoubled, strings([service.get(key) for key in _COMMANDS])):
            for found in _OPTION.finditer(text):
                yield from secrets_named(found["name"], found["value"])
    for config in parts_of(model, "configs"):
        yield from secrets_in_env(undoubled(str(config.get("content") or "")))
    for text in map(undoubled, strings(model)):
        yield from secrets_by_form(text)
        yield from secrets_in_value(text)


def files_in_model(model: Mapping[str, Any], part: str) -> list[str]:
    """The files of the model's `secrets` or `configs`, by `part`."""
    return [str(each["file"]) for each in parts_of(model, part) if each.get("file")]


def parts_of(model: Any, part: str) -> list[Mapping[str, Any]]:
    """The model's `services`, `secrets` or `configs`, by `part`."""
    return [each for each in _mapping(_mapping(model).get(part)).values() if isinstance(each, Mapping)]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _pairs(values: Any) -> Iterator[tuple[str, str]]:
    if isinstance(values, Mapping):
        yield from ((name, undoubled(str(value))) for name, value in values.items() if value is not None)
    elif isinstance(values, list):
        for name, _, value in (str(entry).partition("=") for entry in values):
            yield name, undoubled(value)


def strings(value: Any) -> Iterator[str]:
    """Every string in `value`, a part of a model, as it is written there."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)
