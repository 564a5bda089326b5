"""The `policy` part of `stack.yml`: who may release, and when."""

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.domain.stack import Policy

Login = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\[bot\])?$")]
"""A GitHub login, an app's included, as `github-actions[bot]`."""


def _absolute(path: str) -> str:
    if not PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError("should be an absolute path")
    return path


class PolicyPart(BaseModel):
    """The part as it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    require_signed_tag: Annotated[str, AfterValidator(_absolute)] | None = None
    allowed_authors: Annotated[list[Login], Field(min_length=1)] | None = None
    require_immutable: bool = False

    def inside(self, directory: str) -> str | None:
        """Why the file of signers may not be where it is: in `directory` a release could bring its own."""
        file = self.require_signed_tag
        if file is None or not PurePosixPath(file).is_relative_to(directory):
            return None
        return f"policy/require_signed_tag: should be outside of {directory}, where a checkout could change it"

    def policy(self) -> Policy:
        return Policy(
            allowed_signers=self.require_signed_tag,
            allowed_authors=frozenset(login.lower() for login in self.allowed_authors or ()),
            require_immutable=self.require_immutable,
        )
