"""The variables beside Compose files: Compose reads the `.env` there, which only the host may have.

https://docs.docker.com/reference/compose-file/include/
"""

import posixpath
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from workers.adapters.docker_host.compose.commands import DEFAULT_ENV_FILE, ComposeFiles
from workers.definition.files.roots import Roots
from workers.definition.files.unfetched import READ_BY_COMPOSE, Part, in_words, unfetched

ENV_FILE, INCLUDE = "env_file", "include"


class _Loader(yaml.SafeLoader):
    """Reads Compose's own tags, `!reset` and `!override`, as the values after them."""


def _plain(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    return loader.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else None


_Loader.add_multi_constructor("!", _plain)


def unread_env_files(given: ComposeFiles, roots: Roots) -> list[str]:
    """Each `.env` in the live directory that a plain `docker compose` reads for such a file, in words."""
    own = {str(file) for file in given.env_files}
    found = (roots.inside(str(directory / DEFAULT_ENV_FILE)) for directory in _directories(given))
    paths = [path for path in dict.fromkeys(found) if path and path != DEFAULT_ENV_FILE]
    lost = [
        path for path in paths if not roots.has(path) and roots.live_has(path) and str(roots.live / path) not in own
    ]
    named = [str(file.relative_to(roots.live)) for file in given.env_files if file.is_relative_to(roots.live)]
    return [
        f"{path} is in {roots.live} only, and a Compose file beside it reads it. Write env_files: "
        f"[{', '.join([*named, path])}] in the stack file"
        for path in lost
    ]


def incomplete_files(given: ComposeFiles, roots: Roots) -> list[str]:
    """What the release does not have, or only in part, of the files that Compose reads to read it, in words.

    These are its Compose files, and each `env_file` of an `include`.
    """
    absent: list[str] = []
    parts: dict[Part, dict[str, None]] = {}
    for user, path in _read_by_compose(given, roots):
        if user.endswith(ENV_FILE) and not roots.has(path):
            absent.append(f"{user} {_only_live(roots, path)}")
        for part in unfetched(roots.tree, path, roots.rules.unfetched):
            parts.setdefault(part, {})[user] = None
    return [*dict.fromkeys(absent), *in_words(parts, READ_BY_COMPOSE)]


def _read_by_compose(given: ComposeFiles, roots: Roots) -> Iterator[tuple[str, str]]:
    """Each such file by its path in the release, after what names it."""
    yield from (("compose_files", path) for file in given.files if (path := roots.inside(str(file))))
    for directory, where, paths, entry in _included(given.files, given.project_directory, frozenset()):
        user, named = f"include of {', '.join(paths)}", entry.get("env_file") or []
        names = [named] if isinstance(named, str) else [str(each) for each in named]
        found = [(f"{user}: {ENV_FILE}", directory / name) for name in names]
        if not names and (where / DEFAULT_ENV_FILE).exists():
            found.append((f"{user}: {ENV_FILE}", where / DEFAULT_ENV_FILE))
        for who, file in [*((user, directory / path) for path in paths), *found]:
            path = roots.inside(posixpath.normpath(file))
            if path is not None and "$" not in path:
                yield who, path


def _only_live(roots: Roots, path: str) -> str:
    if not roots.live_has(path):
        return f"{path} is missing in the release. Commit it to the repository"
    return (
        f"{path} is in {roots.live} only, and Compose reads it while it reads the release's files. Commit it to the "
        "repository; or remove it from `include` and add it to env_files in the stack file"
    )


def _directories(given: ComposeFiles) -> Iterator[Path]:
    """The directory of the first Compose file, and those of the included files without an `env_file` of their own."""
    yield given.project_directory
    included = _included(given.files, given.project_directory, frozenset())
    yield from (where for _, where, _, entry in included if not entry.get("env_file"))


_Included = tuple[Path, Path, list[str], dict[str, Any]]
"""The directory that the paths of an entry are relative to, that of the included files, their paths, and the entry."""


def _included(files: Iterable[Path], directory: Path, around: frozenset[Path]) -> Iterator[_Included]:
    """What `files` include, and what that includes. Paths are relative to `directory`."""
    for file in files:
        for each in _includes(file) if file not in around else ():
            entry = each if isinstance(each, dict) else {"path": each}
            paths = entry.get("path") or []
            paths = [paths] if isinstance(paths, str) else [str(path) for path in paths]
            where = directory / str(entry.get("project_directory") or posixpath.dirname(next(iter(paths), "")))
            yield directory, where, paths, entry
            yield from _included([directory / path for path in paths], where, around | {file})


def _includes(file: Path) -> list[Any]:
    try:
        text = file.read_text("utf-8")
        content = yaml.load(text, _Loader) if _may_have(INCLUDE, text) else None  # noqa: S506 - a SafeLoader
    except (OSError, ValueError, yaml.YAMLError):
        return []
    included = content.get(INCLUDE) if isinstance(content, dict) else None
    return included if isinstance(included, list) else []


def _may_have(key: str, text: str) -> bool:
    """Whether YAML can have the key: only an escape writes a word in another way. Most files have neither."""
    return key in text or "\\" in text
