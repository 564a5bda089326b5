"""Collects the evidence of which release runs."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import structlog

from app.domain.errors import GitFailed
from app.domain.history import proven_rollouts
from app.domain.stack import Stack
from app.domain.state import State
from workers.adoption.identity import Claim
from workers.ports import Instance, Ports, Stamp

VERSION_LABEL = "org.opencontainers.image.version"
REVISION_LABEL = "org.opencontainers.image.revision"
"""https://github.com/opencontainers/image-spec/blob/main/annotations.md"""

OLD_FILE = "the old state file"
MOMENT = "%Y-%m-%d %H:%M UTC"

_SHA = re.compile(r"[0-9a-f]{7,64}")
log = structlog.get_logger()


def own_release(instances: Sequence[Instance]) -> Stamp | None:
    """The rollout that all `instances` are labelled with; None if a label is missing or differs.

    A bot is no evidence: a release that does not change the bot leaves an earlier release's bot running.
    """
    if any(i.adopted for i in instances):
        return None
    stamps = {(i.release, i.sha, i.rollout) for i in instances}
    release, sha, rollout = next(iter(stamps)) if len(stamps) == 1 else (None, None, None)
    return Stamp(release, sha, rollout) if release and sha and rollout else None


async def has_failed(ports: Ports, made: Stamp) -> bool:
    """Whether the rollout `made` failed as the last one, or as one of those of which none has succeeded.

    The state file knows of the last one, the history of those before it.
    """
    state, history = ports.journal.state, await ports.publisher.history()
    failed, success = state.last_failure_at, state.last_success_at
    last = state.last_attempted_tag == made.release and failed is not None and not (success and success > failed)
    first = state.current is None and not proven_rollouts(history)
    return last or (first and made.rollout in {entry.rollout_id for entry in history})


def labels_of(instances: Sequence[Instance]) -> list[Claim]:
    """The releases that the updater labelled some of the instances with."""
    made = {(i.release, i.sha): i.service for i in instances if i.release and not i.adopted}
    return [Claim(f"the label of {service}", sha, (str(release),)) for (release, sha), service in made.items()]


async def claims_of(stack: Stack, ports: Ports, instances: Sequence[Instance]) -> list[Claim]:
    """The evidence of which release runs. Base images have labels too, so only a commit that the clone has counts.

    The last good tag counts only if the state has no current release. Otherwise the updater wrote it, and it names
    what ran before another program moved the stack.
    """
    good = None if ports.journal.state.current else ports.journal.state.last_good_tag
    old = await _claim(stack, ports, OLD_FILE, _tag_ref(good)) or _tag_only(OLD_FILE, good)
    head = await _checked_out(stack, ports, instances)
    if old and head and head.doubt:
        colored = [i for i in instances if stack.moved_services()[i.service]]
        old = replace(old, doubt=_older(ports.journal.state, colored))
    claims = [await _claim(stack, ports, "the images' label", _labelled(instances)), old, head]
    return [claim for claim in claims if claim]


def _older(state: State, colored: Sequence[Instance]) -> str | None:
    """Why the state file is doubtful: it may be older than the serving containers, and miss a later rollout."""
    created = _last_created(colored)
    success = state.last_success_at
    if success is None:
        return "it does not say when that succeeded"
    if created is None or success >= created:
        return None
    return f"its last success was at {success:{MOMENT}}, before the containers were created"


def _last_created(instances: Sequence[Instance]) -> datetime | None:
    return max((i.created for i in instances if i.created), default=None)


async def _checked_out(stack: Stack, ports: Ports, instances: Sequence[Instance]) -> Claim | None:
    """The clone's HEAD. Doubtful if HEAD moved after the containers were created: then something else may run."""
    claim = await _claim(stack, ports, f"the clone in {stack.directory}", "HEAD")
    created = _last_created(instances)
    if claim is None or created is None:
        return claim
    moved = await ports.source.moved_in(Path(stack.directory))
    if moved is None or moved <= created:
        return claim
    return replace(claim, doubt=f"that was checked out at {moved:{MOMENT}}, after the containers were created")


async def _claim(stack: Stack, ports: Ports, source: str, name: str | None) -> Claim | None:
    clone = Path(stack.directory)
    try:
        sha = await ports.source.commit_in(clone, name) if name else None
        return Claim(source, sha, tuple(await ports.source.tags_in(clone, sha))) if sha else None
    except GitFailed as error:
        log.warning("the clone cannot be read", clone=str(clone), reason=str(error))
        return None


def _tag_only(source: str, tag: str | None) -> Claim | None:
    return Claim(source, None, (tag,)) if tag else None


def _labelled(instances: Sequence[Instance]) -> str | None:
    """The commit or tag that all images are labelled with; None if they differ or have none."""
    revisions = {i.labels.get(REVISION_LABEL, "") for i in instances}
    versions = {i.labels.get(VERSION_LABEL, "") for i in instances}
    revision, version = (next(iter(values)) if len(values) == 1 else "" for values in (revisions, versions))
    return revision if _SHA.fullmatch(revision) else _tag_ref(version)


def _tag_ref(tag: str | None) -> str | None:
    return f"refs/tags/{tag}" if tag else None
