"""Reads FROM, EXPOSE, ENV and HEALTHCHECK of the built stage of a Dockerfile. Pure.

https://docs.docker.com/reference/dockerfile/
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace

from app.cli.init.images.facts import ImageFacts
from app.cli.init.project.service_facts import port_number

_ESCAPE = re.compile(r"#\s*escape\s*=\s*(\S)\s*", re.IGNORECASE)
_HEREDOC = re.compile(r"<<-?\s*([\"']?)(\w+)\1")
_FROM = re.compile(r"(?:--\S+\s+)*(?P<base>\S+)(?:\s+as\s+(?P<name>\S+))?", re.IGNORECASE)
_FLAGS = re.compile(r"^(?:--\S+\s+)+")
_VARIABLE = re.compile(r"(?<!\\)\$(?:\{(?P<braced>\w+)(?::?-(?P<default>[^{}]*))?\}|(?P<bare>\w+))")

Instruction = tuple[str, str]


def image_of(text: str, *, target: str | None = None, args: Mapping[str, str] | None = None) -> ImageFacts:
    """The facts of the stage `target`, by default the last stage; `args` are the build arguments.

    Empty if `target` is not a stage.
    """
    build = _Build(dict(args or {}))
    for name, rest in instructions(text):
        build.take(name, rest)
    return build.image(target)


def instructions(text: str) -> Iterator[Instruction]:
    """Each instruction: name in capitals, and arguments on one line. Skips comments and here-document bodies."""
    lines = iter(text.lstrip("\ufeff").splitlines())
    escape = "\\"
    if match := _ESCAPE.fullmatch(text.lstrip("\ufeff").partition("\n")[0].strip()):
        escape = match[1]
    for line in lines:
        whole = _continued(line, lines, escape)
        name, _, rest = whole.partition(" ")
        if not name:
            continue
        if name.upper() in ("RUN", "COPY", "ADD"):
            for _, word in _HEREDOC.findall(rest):
                _skip_body(lines, word)
        yield name.upper(), rest.strip()


def _continued(line: str, lines: Iterator[str], escape: str) -> str:
    """`line` joined with its continuation lines; a comment between them does not end it."""
    whole = "" if line.lstrip().startswith("#") else line.strip()
    while whole.endswith(escape):
        following = next(lines, None)
        if following is None:
            break
        if following.strip() and not following.lstrip().startswith("#"):
            whole = f"{whole[:-1].rstrip()} {following.strip()}"
    return whole.removesuffix(escape).replace("\t", " ").strip()


def _skip_body(lines: Iterator[str], word: str) -> None:
    for line in lines:
        if line.strip() == word:
            return


class _Build:
    """The stages so far. A stage starts with the facts of its base stage, or with none."""

    def __init__(self, args: dict[str, str]) -> None:
        self._args, self._global = args, dict[str, str]()
        self._stages: dict[str, ImageFacts] = {}
        self._now: str | None = None
        self._scope: dict[str, str] = {}

    def take(self, name: str, rest: str) -> None:
        known = {"FROM": self._from, "ARG": self._arg, "ENV": self._env, "EXPOSE": self._expose}
        known |= {"HEALTHCHECK": self._healthcheck, "LABEL": self._label}
        if name == "FROM" or (name in known and (self._now is not None or name == "ARG")):
            known[name](rest)

    def image(self, target: str | None) -> ImageFacts:
        wanted = target.lower() if target else self._now
        return self._stages.get(wanted or "", ImageFacts())

    def _from(self, rest: str) -> None:
        match = _FROM.match(rest)
        base = _resolved(match["base"], self._global).lower() if match else ""
        self._now = (match["name"] if match and match["name"] else str(len(self._stages))).lower()
        self._scope = {}
        self._stages[self._now] = self._stages.get(base, ImageFacts(base=base))

    def _arg(self, rest: str) -> None:
        for word in _split(rest):
            name, given, default = word.partition("=")
            value = self._args.get(name, _resolved(default, self._values()) if given else self._global.get(name))
            scope = self._global if self._now is None else self._scope
            if value is not None:
                scope[name] = value

    def _env(self, rest: str) -> None:
        self._change(environment={**self._image.environment, **self._assigned(rest)})

    def _label(self, rest: str) -> None:
        self._change(labels={**self._image.labels, **self._assigned(rest)})

    def _assigned(self, rest: str) -> dict[str, str]:
        words = _split(rest)
        if words and "=" not in words[0]:  # the old form: ENV NAME the rest of the line
            words = [f"{words[0]}={' '.join(words[1:])}"]
        values = self._values()
        return {name: _resolved(value, values) for name, _, value in (word.partition("=") for word in words)}

    def _expose(self, rest: str) -> None:
        words = _resolved(rest, self._values()).split()
        ports = [
            port_number(port) for port, _, kind in (word.partition("/") for word in words) if kind.lower() != "udp"
        ]
        self._change(ports=tuple(dict.fromkeys([*self._image.ports, *(port for port in ports if port)])))

    def _healthcheck(self, rest: str) -> None:
        kind, _, command = _FLAGS.sub("", rest).partition(" ")
        self._change(health=_command(command.strip()) if kind.upper() == "CMD" else None)

    @property
    def _image(self) -> ImageFacts:
        return self._stages[self._now or ""]

    def _change(self, **changes: object) -> None:
        self._stages[self._now or ""] = replace(self._image, **changes)  # type: ignore[arg-type]

    def _values(self) -> Mapping[str, str]:
        """The variables in scope; ENV overrides ARG."""
        return self._global if self._now is None else {**self._scope, **self._image.environment}


def _command(text: str) -> str | tuple[str, ...]:
    """The command: a tuple for the exec form (a JSON list), else a shell line."""
    try:
        words = json.loads(text)
    except ValueError:
        return text
    return tuple(str(word) for word in words) if isinstance(words, list) else text


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _resolved(text: str, values: Mapping[str, str]) -> str:
    """`text` with its variables replaced; a variable without a value stays as written."""

    def value(match: re.Match[str]) -> str:
        found = values.get(match["braced"] or match["bare"]) or match["default"]
        return match[0] if found is None else found

    return _VARIABLE.sub(value, text)
