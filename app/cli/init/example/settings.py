"""The commented example of the stack file, setting by setting: `updater init` writes its comments.

Convention of the example: a comment line that would be `key: value` without its `# ` is a setting that is not in
force. Every other comment line is text, so no text starts with one lowercase word and a colon.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

EXAMPLE = Path(__file__).with_name("stack.yml")
"""The same as config/stack.yml, which is not part of an installation and which an operator may overwrite."""

_INACTIVE = re.compile(r"^( *)# ( *(?:- )?[a-z][a-z0-9_-]*:(?: .*)?| +# .*)$", re.MULTILINE)
_SETTING = re.compile(r"(?P<indent> *(?:- )?)(?P<key>[a-z][a-z0-9_-]*):(?: (?P<value>.*?))?(?: # (?P<beside>.*))?")
_COMMENT = re.compile(r" *#(?: (?P<text>.*))?")


@dataclass(frozen=True)
class Setting:
    """One key of the example. `above`: the comment lines before it; `beside`: the comment on its own line."""

    above: tuple[str, ...] = ()
    value: str = ""
    beside: str = ""


@dataclass(frozen=True)
class Example:
    """`head`: the comment lines at the top of the file. `settings`: by path, for example `traefik/metrics`."""

    head: tuple[str, ...]
    settings: Mapping[str, Setting]

    def lines(self, path: str, value: str = "", *, active: bool = True) -> str:
        """The setting with `value` and its comments; `active`: in force, else as a comment."""
        setting = self.settings[path]
        indent = "  " * path.count("/")
        words = [f"{path.rpartition('/')[2]}:", value, f"# {setting.beside}" if setting.beside else ""]
        line = " ".join(filter(None, words))
        return comment(setting.above, indent) + f"{indent}{'' if active else '# '}{line}\n"


def comment(lines: tuple[str, ...], indent: str = "") -> str:
    return "".join(f"{indent}# {line}".rstrip() + "\n" for line in lines)


def packaged_example() -> Example:
    return parse_example(EXAMPLE.read_text(encoding="utf-8"))


def parse_example(text: str) -> Example:
    """Every setting of the example, in force or not. The settings of a list's items share one path."""
    lines = activated(text).splitlines()
    head = tuple(_comment(line) or "" for line in takewhile(str.strip, lines))
    return Example(head, dict(_settings(lines)))


def activated(text: str) -> str:
    """The example with every setting in force."""
    return _INACTIVE.sub(r"\1\2", text)


def _settings(lines: list[str]) -> Iterator[tuple[str, Setting]]:
    parents: list[tuple[int, str]] = []
    above: list[str] = []
    for line in lines:
        if match := _SETTING.fullmatch(line):
            depth = len(match["indent"])
            while parents and parents[-1][0] >= depth:
                parents.pop()
            parents.append((depth, match["key"]))
            path = "/".join(key for _, key in parents)
            yield path, Setting(tuple(above), match["value"] or "", match["beside"] or "")
        text = _comment(line)
        above = [] if text is None else [*above, text]


def _comment(line: str) -> str | None:
    """Its text, if the line is a comment."""
    match = _COMMENT.fullmatch(line)
    return (match["text"] or "") if match else None
