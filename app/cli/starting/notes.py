"""How each part of a proposed stack file came about."""

from dataclasses import dataclass, field


@dataclass
class Notes:
    """`found` is written somewhere, `guessed` is not, `check` is for a person to decide."""

    found: list[str] = field(default_factory=list)
    guessed: list[str] = field(default_factory=list)
    check: list[str] = field(default_factory=list)
