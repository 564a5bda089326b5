"""Checks that web or worker can read and write what it needs. Run it with its user, mounts and environment.

It needs no Redis, no engine and no network, and changes nothing, so it can run before the process is started.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from app.auth.secret_permissions import Permissions
from app.config.locations import DATA_DIR
from app.config.settings import SECRETS
from app.config.stack_file import load_stack
from app.domain.errors import UpdaterError
from app.domain.findings import Check, Verdict
from app.domain.stack import Stack
from app.host_paths import MOUNTS, on_host
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.commands import ComposeFiles
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.traefik.route_file import STAGING_NAME, RouteFile
from workers.inspect.reachable import NAME, Needed, apart, refused
from workers.routing.dynamic_file import is_read

WEB = {"GITHUB_WEBHOOK_SECRET", "GITHUB_WEBHOOK_SECRET_FILE", "UPDATER_SECRET_PATH"}
"""Variables of web that the worker does not read."""

USER_IDS = Path("/proc/self/uid_map")
DENIED, FOUND_BY_FSCK = "permission denied", "lost+found"
UNMAPPED = ["0", "0", "4294967295"]
"""The whole of uid_map outside any user namespace: user_namespaces(7)."""


async def examined(environ: Mapping[str, str], read: Callable[[Path], Stack] = load_stack) -> list[Check]:
    """The failed checks of the process with that environment.

    It is the worker's if it names Traefik's directory, or if the routes are in a Redis and it has nothing of web's.
    `read`: the stack file.
    """
    stack_file = Path(environ.get("UPDATER_STACK_FILE") or "config/stack.yml")
    found = [*refused([Needed(stack_file), *_secrets(environ)]), *_shared_secret(environ)]
    dynamic = environ.get("UPDATER_TRAEFIK_DYNAMIC_PATH")
    if (dynamic or not WEB & environ.keys()) and not refused([Needed(stack_file)]):
        try:
            stack = read(stack_file)
            if stack.traefik.redis is not None:
                found += await _of_the_worker(environ, stack, None)
            elif dynamic:
                found += await _of_the_worker(environ, stack, Path(dynamic))
        except UpdaterError as error:
            found.append(Check(NAME, Verdict.FAILED, str(error), "Correct the stack file."))
    return [*found, *_user_ids()] if found else []


async def _of_the_worker(environ: Mapping[str, str], stack: Stack, dynamic: Path | None) -> list[Check]:
    """`dynamic`: where the route file is to be; None if the routes are in a Redis."""
    if found := refused([*_live(stack), *([Needed(dynamic.parent)] if dynamic else [])]):
        return found
    data = Path(environ.get("UPDATER_DATA_DIR") or DATA_DIR)
    of_data = [Needed(data, write=True), *_in_data(data)]
    found = _of_the_file(RouteFile(dynamic, stack).file.parent, of_data) if dynamic else refused(of_data)
    return found or await _compose(environ, stack)


def _of_the_file(watched: Path, others: Sequence[Needed]) -> list[Check]:
    """Those of the directory that Traefik watches, and of `others`."""
    staging = watched.parent / STAGING_NAME
    found = refused([*_routes(watched, staging), *others])
    return found + apart(staging if staging.is_dir() else watched.parent, watched, MOUNTS.read_text("utf-8"))


def _live(stack: Stack) -> Iterator[Needed]:
    live = Path(stack.directory)
    yield Needed(live)
    yield from (Needed(live / name) for name in (*stack.compose_files, *stack.env_files))
    yield Needed(live / ".env", optional=True)
    yield Needed(live / ".git", whole=True, optional=True)
    if stack.policy.allowed_signers:
        yield Needed(Path(stack.policy.allowed_signers))


def _routes(watched: Path, staging: Path) -> Iterator[Needed]:
    yield from (Needed(watched.parent, write=True), Needed(watched, write=True))
    for directory, names, files in os.walk(watched):
        yield from (Needed(Path(directory, name), write=True) for name in names)
        yield from (Needed(Path(directory, name)) for name in files if is_read(name))
    yield Needed(staging, write=True, optional=True)


def _in_data(data: Path) -> Iterator[Needed]:
    """The files and directories that an earlier updater left there."""
    if os.access(data, os.R_OK | os.X_OK):
        left = (path for path in sorted(data.iterdir()) if path.name != FOUND_BY_FSCK)
        yield from (Needed(path, write=path.is_dir(), optional=True) for path in left)


async def _compose(environ: Mapping[str, str], stack: Stack) -> list[Check]:
    """Resolves the live Compose files, and so reads every file that they include."""
    try:
        compose = Compose(find_compose(environ.get("UPDATER_COMPOSE")), stack.project, None)
        await compose.resolve(ComposeFiles.below(Path(stack.directory), stack))
    except UpdaterError as error:
        lines = [line for line in getattr(error, "last_lines", ()) if DENIED in line]  # others may quote a secret
        remedy = (
            f"Correct the Compose files until `docker compose config` works in {stack.directory}. A closed file needs "
            f"`chgrp {os.getegid()} FILE && chmod g+r FILE`."
        )
        return [Check(NAME, Verdict.FAILED, ": ".join([str(error), *lines]), remedy)]
    return []


def _secrets(environ: Mapping[str, str]) -> Iterator[Needed]:
    for name in SECRETS:
        if file := environ.get(f"{name}_FILE"):
            yield Needed(Path(file), outside=on_host(Path(file)))


def _shared_secret(environ: Mapping[str, str]) -> list[Check]:
    file = environ.get("UPDATER_SECRET_PATH")
    if not file:
        return []
    path = Path(file)
    try:
        wanted = Permissions.of(environ.get("UPDATER_SECRET_GROUP") or None)
        if os.access(path, os.R_OK) and wanted.fit(path.stat()):
            return []
    except (UpdaterError, OSError) as error:
        return [Check(NAME, Verdict.FAILED, str(error), "Correct UPDATER_SECRET_PATH and UPDATER_SECRET_GROUP.")]
    found = f"uid {os.geteuid()} cannot read {path}, or every user of the host can"
    return [Check(NAME, Verdict.FAILED, found, f"Run on the host: {wanted.command(path)}")]


def _user_ids() -> list[Check]:
    """A failed check if the engine maps user ids: the commands above name ids that are not the host's."""
    try:
        mapped = USER_IDS.read_text("utf-8").split() != UNMAPPED
    except OSError:
        return []
    found = "the engine is rootless or maps user ids (userns-remap), so the ids in the commands are not the host's"
    return [Check(NAME, Verdict.FAILED, found, "This is not supported: use an engine without it.")] if mapped else []


def main() -> None:
    """`python -m workers.permissions`. Exits with 1 if something is closed."""
    found = asyncio.run(examined(os.environ))
    for check in found:
        print(f"FAILED   {check.found}\n         → {check.remedy}")
    if found:
        sys.exit(1)
    print(f"uid {os.geteuid()}, gid {os.getegid()}: everything that this process needs can be read and written.")


if __name__ == "__main__":
    main()
