"""What a token allows, and how it may be named."""

from enum import StrEnum

NAME_PATTERN = r"^[A-Za-z0-9._-]{0,64}$"
"""The names of tokens."""


class Scope(StrEnum):
    """What a caller may do: read, or also change something."""

    READ = "read"
    OPERATE = "operate"

    def covers(self, needed: "Scope") -> bool:
        return self is Scope.OPERATE or self is needed
