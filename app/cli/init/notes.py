"""How each part of a proposed stack file came about."""

from dataclasses import dataclass, field


@dataclass
class Notes:
    """`found` is written somewhere; `check` is for a person to decide.

    `questions`: a path in the stack file → why a person has to look at its value. `traefik` is what Traefik needs
    beside what it has, `following` what to do next.
    """

    found: list[str] = field(default_factory=list)
    questions: dict[str, str] = field(default_factory=dict)
    check: list[str] = field(default_factory=list)
    traefik: list[str] = field(default_factory=list)
    following: list[str] = field(default_factory=list)

    def ask(self, path: str, question: str) -> None:
        """Adds to what `path` is asked already."""
        asked = self.questions.get(path)
        self.questions[path] = f"{asked}; {question}" if asked else question
