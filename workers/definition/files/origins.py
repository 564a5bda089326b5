"""Which files of a release's Compose model come from the release, and which from the live directory.

What Git versions comes from the release; what only the host has comes from the live directory. A path that a container
may write to never comes from a release's worktree, because worktrees are deleted. Reads the two directories, and
changes nothing in them.
"""

import copy
import posixpath
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workers.definition.files.contents import added, differing, some
from workers.definition.files.roots import Roots, below
from workers.definition.files.unfetched import Part, in_words, unfetched
from workers.definition.images.built_with import built_with
from workers.definition.services.retired import uses_of
from workers.ports import FileUse, Origin

Model = dict[str, Any]
MOUNTED_PARTS = ("configs", "secrets")
READ_ONLY = "mount it read-only (`:ro`) to use the release's"
UPDATER = "the updater"
WHOLE = "."
"""The path of the live directory itself: an operator who mounts all of it does not mean the release."""


@dataclass(frozen=True)
class Located:
    """A model whose paths lead to where each file comes from. `problems` refuse the release."""

    model: Model
    files: tuple[FileUse, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def locate(model: Mapping[str, Any], roots: Roots, moved: Collection[str]) -> Located:
    """The paths of the resolved `model` by origin. `moved`: the services that the updater replaces."""
    return _Locating(copy.deepcopy(dict(model)), roots, moved).located()


def other_version(roots: Roots, path: str, users: Collection[str]) -> str | None:
    """What to say of the release's `path`, which `users` use, if the live directory has another version of it."""
    others = differing(roots.tree / path, roots.live / path) if roots.live_has(path) else []
    if not others:
        return None
    return (
        f"{', '.join(users)} uses the release's {path}. {roots.live} has another version of it ({some(others)}). To "
        f"use that one, add {path} to files/live in the stack file"
    )


class _Locating:
    def __init__(self, model: Model, roots: Roots, moved: Collection[str]) -> None:
        self._model, self._roots, self._moved = model, roots, moved
        self._services: dict[str, Model] = model.get("services") or {}
        self._built = set(built_with(self._services, moved))
        own = {path: UPDATER for each in roots.written if (path := roots.inside(str(each))) is not None}
        self._written = {**dict(self._writable()), **own}
        self._files: dict[FileUse, None] = {}
        self._problems: dict[str, None] = {}
        self._warnings: dict[str, None] = {}
        self._unfetched: dict[bool, dict[Part, dict[str, None]]] = {True: {}, False: {}}

    def located(self) -> Located:
        for name, service in self._services.items():
            for volume in service.get("volumes") or ():
                self._bind(name, volume)
            if name in self._built:
                self._build(name, service)
        for part in MOUNTED_PARTS:
            self._mounted_files(part)
        self._volumes()
        for problem, parts in self._unfetched.items():
            for text in in_words(parts):
                self._note(text, problem=problem)
        return Located(self._model, tuple(self._files), tuple(self._problems), tuple(self._warnings))

    def _writable(self) -> Iterator[tuple[str, str]]:
        """The paths that a container may write to, each with a service."""
        for name, service in self._services.items():
            for volume in service.get("volumes") or ():
                path = None if volume.get("read_only") else self._roots.inside(self._mounted(volume))
                if path is not None:
                    yield from ((each, name) for each in self._roots.names(path))

    def _mounted(self, volume: Mapping[str, Any]) -> str:
        """The host's path that a service's volume is: of a bind mount, or the device of a named volume. "": neither."""
        source = str(volume.get("source") or "")
        if volume.get("type") == "bind":
            return source
        named = (self._model.get("volumes") or {}).get(source) or {}
        return str((named.get("driver_opts") or {}).get("device") or "") if volume.get("type") == "volume" else ""

    def _bind(self, name: str, volume: Model) -> None:
        if volume.get("type") != "bind":
            return
        source = str(volume.get("source") or "")
        path = self._roots.inside(source)
        if name in self._moved:  # of another service it would change the definition, and a container that is right
            volume["bind"] = {**(volume.get("bind") or {}), "create_host_path": False}
        if path is None:
            volume["source"] = self._roots.beside(source) or source
            return
        origin = self._origin(path, [name], of_host=self._roots.of_host(volume["source"]))
        volume["source"] = self._at(origin, path)
        self._files[FileUse(path, origin, name, "volumes")] = None

    def _mounted_files(self, part: str) -> None:
        for key, each in (self._model.get(part) or {}).items():
            file = str((each or {}).get("file") or "")
            path = self._roots.inside(file)
            if beside := self._roots.beside(file):
                each["file"] = beside
            users = [name for name, service in self._services.items() if key in uses_of(service)[part]]
            if path is None or not users:
                continue
            origin = self._origin(path, users, of_host=self._roots.of_host(each["file"]))
            each["file"] = self._at(origin, path)
            self._files |= {FileUse(path, origin, name, f"{part}/{key}"): None for name in users}

    def _volumes(self) -> None:
        """A volume's device is a directory that containers write to: https://docs.docker.com/reference/compose-file/volumes/"""
        for volume in (self._model.get("volumes") or {}).values():
            options = (volume or {}).get("driver_opts") or {}
            device = str(options.get("device") or "")
            path = self._roots.inside(device)
            if path is not None:
                options["device"] = self._at(Origin.LIVE, path)
            elif beside := self._roots.beside(device):
                options["device"] = beside

    def _at(self, origin: Origin, path: str) -> str:
        root = self._roots.tree if origin is Origin.RELEASE else self._roots.live
        return posixpath.normpath(root / path)

    def _origin(self, path: str, users: list[str], *, of_host: bool) -> Origin:
        """Where `path` comes from. Notes what is wrong with that: a problem if a service that moves uses it.

        `of_host`: it was written as a path of the host, so the host's is meant.
        """
        roots, writer = self._roots, self._writer(path)
        needed = bool(set(users) & set(self._moved))
        if roots.forced(path) is Origin.RELEASE:
            return self._from_release(path, users, writer)
        if of_host and path == WHOLE:
            return Origin.LIVE
        if writer or of_host or roots.forced(path) is Origin.LIVE:
            self._from_live(path, users, writer, problem=needed)
            return Origin.LIVE
        if roots.leads_out(path):
            self._note(
                f"{path} ({', '.join(users)}) is a link that leads out of the release. To use the live directory's, "
                f"add {path} to files/live in the stack file",
                problem=needed,
            )
            return Origin.LIVE
        if roots.has(path):
            return self._from_either(path, users, needed=needed)
        self._from_live(path, users, writer, problem=needed)
        return Origin.LIVE

    def _from_either(self, path: str, users: list[str], *, needed: bool) -> Origin:
        """The release's, unless the live directory has files of its own there: containers may need either."""
        roots, who = self._roots, ", ".join(users)
        tree, live = roots.tree / path, roots.live / path
        if others := added(tree, live):
            self._note(
                f"{path} ({who}) is in the release, but {roots.live}/{path} also has files that the release does not "
                f"have ({some(others)}). In the stack file, add {path} to files/release to do without them, or to "
                f"files/live to mount {roots.live}/{path}",
                problem=needed,
            )
            return Origin.LIVE
        if warning := other_version(roots, path, users):
            self._note(warning, problem=False)
        self._complete(path, users, problem=needed)
        return Origin.RELEASE

    def _from_release(self, path: str, users: list[str], writer: str | None) -> Origin:
        if writer:
            why = f"{writer} may write to it, and the updater deletes old releases. Mount it read-only"
            self._note(f"files/release lists {path}, but {why}", problem=True)
        elif not self._roots.has(path):
            why = "but the release does not have it. Commit it, or remove it from files/release"
            self._note(f"files/release lists {path}, {why}", problem=True)
        self._complete(path, users, problem=True)
        return Origin.RELEASE

    def _from_live(self, path: str, users: list[str], writer: str | None, *, problem: bool) -> None:
        roots, who = self._roots, ", ".join(users)
        if not roots.live_has(path):
            if writer and roots.has(path):
                why = f"{writer} may write to it, so it must be in {roots.live}, and it is missing there. Create it in "
                why += f"{roots.live}; or, if containers only read it, {READ_ONLY}"
            else:
                why = f"neither the release nor {roots.live} has it. Create it in {roots.live}, or commit it to the "
                why += "repository"
            self._note(f"{path} ({who}): {why}", problem=problem)
        elif roots.has(path) and roots.forced(path) is None and writer != UPDATER:
            self._warn_if_stale(path, who, writer)

    def _warn_if_stale(self, path: str, who: str, writer: str | None) -> None:
        if not (others := self._stale(path)):
            return
        if writer:
            why, remedy = f"{writer} may write to it", f"If containers only read it, {READ_ONLY}"
        else:
            why, remedy = "the Compose file has its absolute path", "Write a relative path to use the release's"
        self._note(
            f"{who} mounts {path} from {self._roots.live}, because {why}. That copy differs from the release's "
            f"({some(others)}). {remedy}. To keep this copy, add {path} to files/live in the stack file",
            problem=False,
        )

    def _stale(self, path: str) -> list[str]:
        return differing(self._roots.tree / path, self._roots.live / path)

    def _complete(self, path: str, users: list[str], *, problem: bool) -> None:
        for part in unfetched(self._roots.tree, path, self._roots.rules.unfetched):
            self._unfetched[problem].setdefault(part, {}).update(dict.fromkeys(users))

    def _writer(self, path: str) -> str | None:
        """A service whose container may write to `path`, to something in it, or to a directory around it."""
        names = self._roots.names(path)
        return next(
            (who for at, who in self._written.items() if below(at, names) or any(below(n, [at]) for n in names)), None
        )

    def _build(self, name: str, service: Model) -> None:
        build = service.get("build")
        if not build:
            return
        build["context"] = context = self._context(name, "build/context", str(build.get("context") or ""))
        if context.startswith("/") and "dockerfile_inline" not in build:
            file = str(build.get("dockerfile") or "Dockerfile")
            located = self._context(name, "build/dockerfile", posixpath.join(context, file))
            if file.startswith("/"):
                build["dockerfile"] = posixpath.relpath(located, context)
        contexts = build.get("additional_contexts") or {}
        for key, value in contexts.items():
            contexts[key] = self._context(name, f"build/additional_contexts/{key}", value)

    def _context(self, name: str, key: str, path: str) -> str:
        """`path` in the worktree. A URL, an image and another service stay as they are."""
        if not path.startswith("/"):
            return path
        relative = self._roots.inside(path)
        if relative is None:
            shown = posixpath.relpath(path, self._roots.tree) if self._roots.beside(path) else path
            self._note(f"{name}: {key} is {shown}, outside the release. Move it into the repository", problem=True)
            return path
        if not self._roots.has(relative):
            why = f"{key} is {relative}, which the release does not have. Commit it to the repository"
            self._note(f"{name}: {why}", problem=True)
        if key != "build/dockerfile":
            self._complete(relative, [name], problem=True)
        self._files[FileUse(relative, Origin.RELEASE, name, key)] = None
        return self._at(Origin.RELEASE, relative)

    def _note(self, text: str, *, problem: bool) -> None:
        (self._problems if problem else self._warnings)[text] = None
