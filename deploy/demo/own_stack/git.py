"""The user's Git repository: it is only read. Everything else happens in a clone."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.own_stack.refusal import NotPlayable

GIT_SECONDS = 300

_SAFE = "[safe]\n\tdirectory = *\n[core]\n\thooksPath = /dev/null\n[advice]\n\tdetachedHead = false\n"
"""The configuration of every command here, in place of the user's: no filter and no hook runs."""


@dataclass(frozen=True)
class Git:
    """Git with a configuration of its own in `home`. Raises NotPlayable, in Git's words, when Git refuses."""

    home: Path

    def clone(self, source: Path, target: Path) -> None:
        """A bare copy that shares no file with `source`."""
        self._run("clone", "--quiet", "--mirror", "--no-hardlinks", "--", str(source), str(target))

    def top_of(self, path: Path) -> Path | None:
        """The work tree that `path` is in; None in a bare repository. Raises NotPlayable outside of any."""
        if self._run("-C", str(path), "rev-parse", "--is-bare-repository").strip() == "true":
            return None
        return Path(self._run("-C", str(path), "rev-parse", "--show-toplevel").strip())

    def tags(self, repository: Path) -> list[str]:
        return self._run("-C", str(repository), "tag", "--list").split()

    def commit_of(self, repository: Path, tag: str) -> str:
        return self._run("-C", str(repository), "rev-parse", f"refs/tags/{tag}^{{commit}}").strip()

    def files_of(self, repository: Path, tag: str) -> set[str]:
        listed = self._run("-C", str(repository), "ls-tree", "-r", "-z", "--name-only", f"refs/tags/{tag}")
        return set(filter(None, listed.split("\0")))

    def tag_again(self, repository: Path, tag: str, new: str) -> None:
        """Tags a commit with the files of `tag` as `new`."""
        tree, parent = f"refs/tags/{tag}^{{tree}}", self.commit_of(repository, tag)
        commit = self._run("-C", str(repository), "commit-tree", tree, "-p", parent, "-m", f"{tag} once more").strip()
        self._run("-C", str(repository), "tag", new, commit)

    def check_out(self, repository: Path, tag: str, target: Path) -> None:
        self._run("clone", "--quiet", "--no-checkout", "--", str(repository), str(target))
        self._run("-C", str(target), "checkout", "--quiet", "--detach", f"refs/tags/{tag}")

    def _run(self, *words: str) -> str:
        config = self.home / "gitconfig"
        config.write_text(_SAFE)
        names = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _WHO}
        env = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.home), **names}
        env |= {"GIT_CONFIG_GLOBAL": str(config), "GIT_CONFIG_NOSYSTEM": "1", "GIT_OPTIONAL_LOCKS": "0"}
        try:
            done = subprocess.run(
                ["git", *words], env=env, capture_output=True, text=True, check=False, timeout=GIT_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotPlayable(f"Git could not read the repository: {error}") from error
        if done.returncode:
            raise NotPlayable(f"Git could not read the repository: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout


_WHO = (("NAME", "Demo"), ("EMAIL", "demo@example.invalid"))
