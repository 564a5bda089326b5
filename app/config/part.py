"""What every part of the stack file is."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of the stack file: it has no other keys, and its numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)
