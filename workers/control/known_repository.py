"""Learns which repository the accepted releases come from, and refuses those of another one."""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.acceptance.repository import delivered, identified, known_for, learned, renamed_source, replaced
from app.domain.errors import RepositoryReplaced
from app.domain.release import Release
from app.domain.stack import Stack
from app.domain.state import Dropped, State
from workers.control.dropped import dropped
from workers.ports.github import RepositoryIdentity


def taken_in(state: State, stack: Stack, releases: Sequence[Release]) -> State:
    """`state` with these releases of the ledger accepted, without those of another repository than the stack's.

    Those that wait already are looked at too: the stack file may name another repository since, which has a tag of the
    same name.

    The web process checks it too, but without Redis it does not know the id.
    """
    new = [release for release in releases if release.key not in state.known_keys]
    for release in sorted(new, key=lambda r: r.accepted_at):
        if release.repository and release.repository_id is not None:
            known = delivered(stack, state.repository, release.repository, release.repository_id)
            state = replace(state, repository=known)
    gone = [each for release in new if (each := _refused(state, stack, release))]
    keys = {each.release.key for each in gone}
    state = state.accept(*(r for r in releases if r.key not in keys)).dismiss(*gone)
    return state.dismiss(*(each for release in state.accepted if (each := _refused(state, stack, release))))


def seen(state: State, stack: Stack, now: RepositoryIdentity) -> State:
    """`state` with GitHub's own answer about the repository, also if that has no release."""
    return replace(state, repository=learned(stack, state.repository, now.name, now.id))


def current_name(state: State, stack: Stack) -> str:
    """The repository's present name: what the server is asked for."""
    known = known_for(stack, state.repository)
    return known.name if known else stack.repository


def current_source(state: State, stack: Stack) -> str:
    """The URL to fetch from. Raises RepositoryReplaced if another repository has the name."""
    known = known_for(stack, state.repository)
    if known is not None and known.replaced_by is not None:
        raise RepositoryReplaced(replaced(known))
    return renamed_source(stack, known)


def _refused(state: State, stack: Stack, release: Release) -> Dropped | None:
    wanted, id_ = identified(stack, state.repository).repository_id, release.repository_id
    if wanted is None or id_ in {None, wanted}:
        return None
    why = (
        f"{release.tag} comes from the repository with the id {id_}, and the stack's repository has the id {wanted}. "
        f"If you recreated the repository, write `repository_id: {id_}` in the stack file, then restart web and worker"
    )
    return dropped(release, RepositoryReplaced(why))
