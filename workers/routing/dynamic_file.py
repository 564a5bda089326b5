"""One dynamic file of Traefik's file provider, read as Traefik reads it: pure functions.

https://doc.traefik.io/traefik/reference/install-configuration/providers/others/file/
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

TOML = ".toml"
SUFFIXES = (".yml", ".yaml", TOML)

SECTIONS = {"http", "tcp", "udp", "tls"}
LIST = "certificates"
"""Every other part of a section maps names to options."""

Tree = Mapping[str, Any]


def is_read(name: str) -> bool:
    """Whether Traefik reads a file of that name: the suffix in any case, and also if the name is nothing else."""
    return name.lower().endswith(SUFFIXES)


def read_tree(name: str, text: str) -> Tree:
    """The content of the dynamic file `name`. Raises ValueError, YAMLError, RecursionError if it cannot be read."""
    content = tomllib.loads(text) if name.lower().endswith(TOML) else yaml.safe_load(text)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ValueError("it is no mapping")  # noqa: TRY004 - a file that cannot be read, no programming error
    tree = lowered(content)
    if hollow := next(_hollow(tree), None):
        raise ValueError(f"{hollow} is empty: write something there, or leave it out")
    return tree


def _hollow(tree: Tree) -> Iterator[str]:
    """The sections with nothing inside: Traefik refuses the file. A section without a value is as good as none."""
    for section in sorted(section for section in SECTIONS & set(tree) if tree[section] is not None):
        parts = _valued(tree[section])
        yield from () if parts else (section,)
        yield from (f"{section}/{key}" for key, value in parts.items() if key != LIST and not _valued(value))


def _valued(value: object) -> Tree:
    return {str(k): v for k, v in value.items() if v is not None} if isinstance(value, dict) else {}


def lowered(content: Mapping[Any, Any]) -> Tree:
    """Traefik's option names know no case; the names of routers and services do."""
    return {str(key).lower(): value for key, value in content.items()}


def part_of(tree: Tree, part: str, section: str = "http") -> dict[str, Tree]:
    """`<section>/<part>` of a file: options by name."""
    content = tree.get(section)
    named = lowered(content).get(part) if isinstance(content, dict) else None
    return {str(k): lowered(v) for k, v in named.items() if isinstance(v, dict)} if isinstance(named, dict) else {}


def items_of(value: object) -> Sequence[Any]:
    """The items of a list option: Traefik also takes a text with commas for one."""
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value if isinstance(value, list) else []
