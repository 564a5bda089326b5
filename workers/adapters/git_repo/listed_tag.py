"""What a tag points to in the repository, without a fetch."""

from app.domain.errors import TagMoved

NO_SUCH_REF = 2
"""The exit code of `git ls-remote --exit-code`: https://git-scm.com/docs/git-ls-remote"""


def object_in(listed: str, tag: str) -> str:
    """The id of the Git object that the tag names."""
    return _ids(listed)[f"refs/tags/{tag}"]


def commit_in(listed: str, tag: str) -> str:
    """The commit that the tag points to."""
    ids = _ids(listed)
    return ids.get(f"refs/tags/{tag}^{{}}") or ids[f"refs/tags/{tag}"]


def check_approved(tag: str, sha: str, approved: str) -> None:
    """Raises TagMoved."""
    if sha != approved:
        detail = f"{tag} points to {sha[:12]}, and {approved[:12]} was approved. Publish the change under a new tag"
        raise TagMoved(detail)


def _ids(listed: str) -> dict[str, str]:
    lines = (line.split(maxsplit=1) for line in listed.splitlines())
    return {name: object_id for object_id, name in lines}
