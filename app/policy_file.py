"""The `policy` part of `stack.yml`: who may release, and when."""

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from app.domain.stack import Policy


def _absolute(path: str) -> str:
    if not PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError("should be an absolute path")
    return path


class PolicyPart(BaseModel):
    """The part as it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    require_signed_tag: Annotated[str, AfterValidator(_absolute)] | None = None

    def inside(self, directory: str) -> str | None:
        """Why the file of signers may not be where it is: in `directory` a release could bring its own."""
        file = self.require_signed_tag
        if file is None or not PurePosixPath(file).is_relative_to(directory):
            return None
        return f"policy/require_signed_tag: should be outside of {directory}, where a checkout could change it"

    def policy(self) -> Policy:
        return Policy(allowed_signers=self.require_signed_tag)
