"""Git: a bare mirror under the data directory, and a tree with a repository of its own for each commit.

Checked-out files are data: git runs no hook, no submodule and no filter of a user's configuration, and never reads a
ref that the repository chose as an option. https://git-scm.com/docs/git#_environment_variables
"""

import asyncio
import re
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType

from app.config import signers
from app.domain.errors import GitFailed, SignatureUnchecked, TagMoved, TagNotFound
from app.domain.tags import check_name
from workers.adapters.commands import Finished, read_command
from workers.adapters.git_repo.clone import Clone
from workers.adapters.git_repo.collection import (
    COLLECT_COMMAND,
    COLLECT_CONFIG,
    COLLECT_SECONDS,
    COUNT_COMMAND,
    is_due,
)
from workers.adapters.git_repo.credentials import credential_for, without_credentials
from workers.adapters.git_repo.disk_space import with_free_space
from workers.adapters.git_repo.listed_tag import NO_SUCH_REF, check_approved, commit_in, object_in
from workers.adapters.git_repo.mirror_commands import ENV, SAFE, fetch_command, list_command, resolve_command
from workers.adapters.git_repo.redirects import MOVES, TRACE, is_redirect, moved_to
from workers.adapters.git_repo.release_trees import ReleaseTrees
from workers.adapters.git_repo.ssh_access import SshAccess
from workers.adapters.git_repo.tag_signature import (
    check_verified,
    object_command,
    verify_command,
    verify_config,
)
from workers.adapters.transient_failures import transient_line

LOCAL_SECONDS = 60.0
LAST_LINES = 10
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

_NOT_YET = "the repository does not have {} yet"  # GitHub may announce it before each of its Git servers has it
_WRITE = "write its new address into the stack file (`repository` or `source`)."
_OTHER_FORMAT = re.compile(r"mismatched algorithms: client \w+; server (sha\d+)")


class GitSource:
    """The stack's repository at `url`. `directory` holds the mirror and the trees.

    `signers`: the file of the keys, one of which must have signed a tag; None: no signature is required.
    `token`: the repository's credential if the URL has none. `names`: `owner/name` of the repository. `submodules`:
    those of the same host are checked out too. `lfs`: Git LFS files are fetched too. `now`: the repository's
    present URL, on the same server, if it can be renamed; it raises an UpdaterError if nothing should be fetched.
    """

    def __init__(
        self,
        url: str,
        directory: Path,
        fetch_seconds: float,
        signers: Path | None = None,
        *,
        token: str | None = None,
        names: Sequence[str] = (),
        submodules: bool = False,
        lfs: bool = False,
        now: Callable[[], str] | None = None,
        ssh: SshAccess = SshAccess(),  # noqa: B008 - it is frozen
    ) -> None:
        self._url, self._credentials = without_credentials(url, token)
        self._now, self._token, self._ssh = now, token, ssh
        self._mirror = directory / "mirror.git"
        self._fetch_seconds = fetch_seconds
        self._signers = signers
        self._names = names
        large = None
        if lfs:
            from workers.adapters.git_repo.lfs.tree_files import LfsTrees  # noqa: PLC0415 - with httpx, for who needs it

            large = LfsTrees(directory / "lfs", self._in, credential_for(url, token), fetch_seconds)
        self._trees = ReleaseTrees(
            self._in, self._mirror, directory / "trees", lambda: self._url, submodules=submodules, lfs=large
        )
        self._turn = asyncio.Lock()  # an operator may request a plan while a rollout fetches

    async def find(self, tag: str) -> str:
        check_name(tag)
        return object_in(await self._listed(tag), tag)

    async def commit_at(self, tag: str) -> str:
        check_name(tag)
        return commit_in(await self._listed(tag), tag)

    async def _listed(self, tag: str) -> str:
        await self._ensure_mirror()
        finished, out = await self._ask(list_command, tag)
        if finished.code == NO_SUCH_REF:
            raise TagNotFound(tag)
        self._expect(finished, "the repository cannot be read")
        return out

    async def fetch(self, tag: str, approved: str | None = None) -> str:
        check_name(tag)
        if approved is not None:
            check_approved(tag, await self.commit_at(tag), approved)
        async with self._turn:
            await self._ensure_mirror()
            if approved is not None:
                await self._keep_before(tag, approved)
            sha = await self._fetch(tag, moved=approved is not None)
        if approved is not None:
            check_approved(tag, sha, approved)
        return sha

    async def _keep_before(self, tag: str, approved: str) -> None:
        """Keeps the commit that the tag had before, which may be of the release to roll back to."""
        finished, out = await self._git(resolve_command(tag), LOCAL_SECONDS)
        if finished.ok and (before := out.strip()) != approved:
            kept, _ = await self._git(["update-ref", f"refs/moved/{before}", before], LOCAL_SECONDS)
            self._expect(kept, f"the commit {before} could not be kept")

    async def _fetch(self, tag: str, *, moved: bool) -> str:
        command = partial(fetch_command, moved=moved)
        finished, _ = await self._ask(command, tag)
        if other := next(
            (match[1] for line in finished.lines for match in [_OTHER_FORMAT.search(line)] if match), None
        ):
            await self._begin_again(other)
            finished, _ = await self._ask(command, tag)
        if any("would clobber existing tag" in line or "rejected" in line for line in finished.lines):
            raise TagMoved(f"{tag} moved after it was first fetched. Publish the change under a new tag.")
        if any("couldn't find remote ref" in line for line in finished.lines):
            raise TagNotFound(tag, transient=_NOT_YET.format(tag))
        self._expect(finished, f"{tag} could not be fetched")
        if self._signers is not None:
            await self._check_signature(tag, self._signers)
        return await self._resolve(tag)

    async def _ask(self, command: Callable[[str, str], list[str]], tag: str) -> tuple[Finished, str]:
        """Runs a command with the repository's URL. Follows redirects on the same server."""
        if self._now is not None:
            self._url, self._credentials = without_credentials(self._now(), self._token)
        for _ in range(MOVES):
            finished, out = await self._git(command(self._url, tag), self._fetch_seconds)
            if finished.ok or not is_redirect(finished.lines):
                return finished, out
            traced, _ = await self._git(list_command(self._url, tag), self._fetch_seconds, env=TRACE)
            if (new := moved_to(self._url, traced.lines)) is None:
                return finished, out
            self._url = new
        return await self._git(command(self._url, tag), self._fetch_seconds)

    async def differs(self, old: str, new: str, path: str) -> bool:
        words = ["diff", "--quiet", "--no-ext-diff", "--no-textconv", old, new, "--", path]
        finished, _ = await self._git(words, LOCAL_SECONDS)
        if finished.code not in {0, 1}:
            self._expect(finished, f"{old} and {new} cannot be compared")
        return finished.code == 1

    async def checkout(self, sha: str, tag: str | None = None) -> Path:
        if not _SHA.fullmatch(sha):
            raise GitFailed(f"{sha!r} is not a commit SHA")
        async with self._turn:
            return await self._trees.checkout(sha, tag)

    async def commit_in(self, directory: Path, name: str) -> str | None:
        return await self._clone(directory).commit(name)

    async def tags_in(self, directory: Path, sha: str) -> list[str]:
        return await self._clone(directory).tags(sha)

    async def moved_in(self, directory: Path) -> datetime | None:
        return await self._clone(directory).moved_at()

    def _clone(self, directory: Path) -> Clone:
        return Clone(lambda words, cwd: self._git(words, LOCAL_SECONDS, cwd=cwd), directory, [self._url, *self._names])

    async def prune(self, keep: Collection[str], *, unused_for: float = 0.0) -> None:
        async with self._turn:
            await self._trees.prune(keep, unused_for)

    async def collect(self) -> None:
        """See workers.ports.Source. Git allows a fetch and a checkout beside it, so it takes no turn for long."""
        if not (self._mirror / "HEAD").exists():
            return
        counted, counts = await self._git(COUNT_COMMAND, LOCAL_SECONDS)
        self._expect(counted, "the mirror cannot be measured")
        if is_due(counts):
            collected, _ = await self._git(COLLECT_COMMAND, COLLECT_SECONDS, config=COLLECT_CONFIG)
            self._expect(collected, "the mirror could not be collected")
        async with self._turn:
            await self._trees.collect()

    async def _in(self, words: Sequence[str], directory: Path) -> tuple[Finished, str]:
        return await self._git(words, max(LOCAL_SECONDS, self._fetch_seconds), cwd=directory)

    async def _check_signature(self, tag: str, file: Path) -> None:
        if problem := await asyncio.to_thread(signers.problem, file):
            raise SignatureUnchecked(problem)
        found, tag_object = await self._git(object_command(tag), LOCAL_SECONDS)
        self._expect(found, f"{tag} is not in the mirror")
        words = verify_command(tag_object.strip())
        check_verified(tag, file, *await self._git(words, LOCAL_SECONDS, config=verify_config(file)))

    async def _resolve(self, tag: str) -> str:
        finished, out = await self._git(resolve_command(tag), LOCAL_SECONDS)
        if not finished.ok or not _SHA.fullmatch(out.strip()):
            raise GitFailed(f"{tag} does not point to a commit")
        return out.strip()

    async def _begin_again(self, object_format: str) -> None:
        """Makes the mirror again, with the repository's object format. Raises GitFailed if it has commits."""
        finished, known = await self._git(["for-each-ref", "--count=1"], LOCAL_SECONDS)
        if not finished.ok or known.strip():
            raise GitFailed(
                f"the repository now has {object_format} names, and {self._mirror} does not, so none of its commits is "
                f"the same. Traffic is unchanged. To go on with the new repository, move {self._mirror} away"
            )
        await asyncio.to_thread(shutil.rmtree, self._mirror)
        await self._init(object_format)

    async def _ensure_mirror(self) -> None:
        if not (self._mirror / "HEAD").exists():
            await self._init("sha1")

    async def _init(self, object_format: str) -> None:
        self._mirror.parent.mkdir(parents=True, exist_ok=True)
        words = ["init", "--bare", "--quiet", f"--object-format={object_format}", str(self._mirror)]
        finished, _ = await self._git(words, LOCAL_SECONDS, cwd=Path("/"))
        self._expect(finished, "the mirror could not be created")

    async def _git(
        self,
        words: Sequence[str],
        limit: float,
        *,
        cwd: Path | None = None,
        config: Sequence[str] = (),
        env: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[Finished, str]:
        env = {**ENV, **self._ssh.environment, **self._credentials, **env}
        try:
            command = ["git", *SAFE, *config, *words]
            finished, out = await read_command(command, limit=limit, env=env, cwd=cwd or self._mirror)
        except TimeoutError as late:
            text = f"git {words[0]} took longer than {limit:.0f} s"
            raise GitFailed(text, transient=text if words[0] == "fetch" else "") from late
        except OSError as error:
            raise GitFailed(f"git could not be run: {error}") from error
        return with_free_space(finished, self._mirror.parent), out

    def _expect(self, finished: Finished, failure: str) -> None:
        if finished.ok:
            return
        if problem := self._ssh.problem(self._url, finished.lines):
            raise GitFailed(f"{failure}: {problem}", last_lines=finished.lines[-LAST_LINES:])
        detail = f"{failure} (exit code {finished.code})"
        if is_redirect(finished.lines):
            detail = f"{failure}: its server redirects to another address. If the repository has moved, {_WRITE}"
        raise GitFailed(detail, last_lines=finished.lines[-LAST_LINES:], transient=transient_line(finished.lines))
