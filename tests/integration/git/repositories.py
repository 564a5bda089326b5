"""Small real git repositories for tests."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

GIT_SECONDS = 300

_ENV = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ALLOW_PROTOCOL": "file",
    **{f"GIT_{who}_NAME": "Test" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "test@example.invalid" for who in ("AUTHOR", "COMMITTER")},
}


def git(directory: Path, *words: str, **env: str) -> str:
    """Runs git and returns its output. Raises subprocess.CalledProcessError."""
    done = subprocess.run(
        ["git", *words],
        cwd=directory,
        env={"PATH": os.environ["PATH"], **_ENV, **env},
        check=True,
        capture_output=True,
        text=True,
        timeout=GIT_SECONDS,
    )
    return done.stdout.strip()


class Repository:
    """A repository with a working tree at `path`."""

    def __init__(self, path: Path, object_format: str = "sha1") -> None:
        self.path = path
        path.mkdir(parents=True)
        git(path, "init", "--quiet", "--initial-branch=main", f"--object-format={object_format}")

    def commit(self, files: Mapping[str, str]) -> str:
        """Commits `files` and returns the SHA."""
        for name, content in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        git(self.path, "add", "--all")
        git(self.path, "commit", "--quiet", "--allow-empty", "--message", "change")
        return git(self.path, "rev-parse", "HEAD")

    def tag(self, name: str, *options: str, at: str = "HEAD") -> None:
        """Makes a lightweight tag; `--annotate` makes it annotated, and `--force` moves it."""
        git(self.path, "tag", *options, *(("--message", name) if "--annotate" in options else ()), name, at)


OBJECT_FORMATS = ("sha1", "sha256")
ADD_SUBMODULE = ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add")


def modular_repository(directory: Path, lib_files: Mapping[str, str], object_format: str = "sha1") -> Repository:
    """`main` in `directory`: v1.0.0 has the submodule `deps/lib` with `lib_files`, which has the submodule `inner`."""
    inner, lib, main = (Repository(directory / name, object_format) for name in ("inner", "lib", "main"))
    inner.commit({"deepest.py": "3"})
    lib.commit(lib_files)
    git(lib.path, *ADD_SUBMODULE, "../inner", "inner")
    lib.commit({})
    main.commit({"app.py": "1"})
    git(main.path, *ADD_SUBMODULE, "../lib", "deps/lib")
    main.commit({})
    main.tag("v1.0.0")
    return main
