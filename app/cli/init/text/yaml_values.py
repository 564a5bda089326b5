"""Values as YAML writes them on one line. Pure."""

import re
import sys
from collections.abc import Iterable

import yaml

_PLAIN = re.compile(r"[\w./-]+")


def scalar(value: str) -> str:
    """`value` as YAML writes it on one line, with quotes where it needs them."""
    style = None if value.isprintable() else '"'
    written: str = yaml.safe_dump(value, default_style=style, width=sys.maxsize, allow_unicode=True)
    return written.removesuffix("...\n").strip()


def flow(values: Iterable[str]) -> str:
    """A list on one line. A comma or a bracket in a value needs quotes there, and nowhere else."""
    return f"[{', '.join(scalar(value) if _PLAIN.fullmatch(value) else _quoted(value) for value in values)}]"


def text_of(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return f"{value:g}"
        case list() | dict():
            written: str = yaml.safe_dump(value, default_flow_style=True, width=sys.maxsize, allow_unicode=True)
            return written.strip()
        case _:
            return scalar(str(value))


def one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _quoted(value: str) -> str:
    written: str = yaml.safe_dump(value, default_style='"', width=sys.maxsize, allow_unicode=value.isprintable())
    return written.strip()
