"""Reads one dynamic file of Traefik's file provider the way Traefik does: pure functions.

https://doc.traefik.io/traefik/reference/install-configuration/providers/others/file/
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import yaml

TOML = ".toml"
SUFFIXES = (".yml", ".yaml", TOML)

SECTIONS = {"http", "tcp", "udp", "tls"}
LIST = "certificates"
"""The only part that is a list. Every other part of a section maps names to options."""

KEPT_TREES = 32
"""Of how many files the content is kept: the worker reads the same text again and again, and parsing YAML is slow."""

Tree = Mapping[str, Any]


class _Loader(yaml.SafeLoader):
    """As Traefik reads YAML: dates stay text, and unknown tags are ignored."""

    def untagged(self, _: str, node: yaml.Node) -> object:
        """The value of a node without its tag."""
        if isinstance(node, yaml.MappingNode):
            return self.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return self.construct_sequence(node, deep=True)
        return node.value


_Loader.add_multi_constructor("!", _Loader.untagged)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def is_read(name: str) -> bool:
    """Whether Traefik reads a file of that name: the suffix in any case, even if it is the whole name."""
    return name.lower().endswith(SUFFIXES)


@lru_cache(KEPT_TREES)
def read_tree(name: str, text: str) -> Tree:
    """The content of the dynamic file `name`. Raises ValueError, YAMLError or RecursionError if it is invalid.

    Equal files share one tree, so nothing may change it.
    """
    content = tomllib.loads(text) if name.lower().endswith(TOML) else _first_document(text)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ValueError("it is not a mapping")  # noqa: TRY004 - the file is invalid, not the caller
    tree = lowered(content)
    if hollow := next(_hollow(tree), None):
        raise ValueError(f"{hollow} is empty: fill or remove it")
    return tree


@lru_cache(KEPT_TREES)
def read_yaml(text: str) -> Any:
    """The content of a file that the updater wrote. Raises YAMLError, ValueError or RecursionError if it is invalid.

    Equal files share it, so nothing may change it.
    """
    return yaml.safe_load(text)


def _first_document(text: str) -> object:
    """Traefik reads no more than the first one."""
    return next(iter(yaml.load_all(text, _Loader)), None)


def _hollow(tree: Tree) -> Iterator[str]:
    """The empty sections, for which Traefik rejects the file. A section without a value counts as absent."""
    for section in sorted(section for section in SECTIONS & set(tree) if tree[section] is not None):
        parts = _valued(tree[section])
        yield from () if parts else (section,)
        yield from (f"{section}/{key}" for key, value in parts.items() if key != LIST and not _valued(value))


def _valued(value: object) -> Tree:
    return {str(k): v for k, v in value.items() if v is not None} if isinstance(value, dict) else {}


def lowered(content: Mapping[Any, Any]) -> Tree:
    """`content` with lower-case keys: Traefik's option names are case-insensitive, router and service names are not."""
    return {str(key).lower(): value for key, value in content.items()}


def part_of(tree: Tree, part: str, section: str = "http") -> dict[str, Tree]:
    """The options by name in `<section>/<part>` of a file."""
    content = tree.get(section)
    named = lowered(content).get(part) if isinstance(content, dict) else None
    return {str(k): lowered(v) for k, v in named.items() if isinstance(v, dict)} if isinstance(named, dict) else {}


def items_of(value: object) -> Sequence[Any]:
    """The items of a list option. Traefik also accepts a comma-separated string."""
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value if isinstance(value, list) else []
