"""Notes on each part of a proposed stack file."""

from dataclasses import dataclass, field


@dataclass
class Notes:
    """`found`: values that a source states. `check`: points for an operator to check.

    `questions`: a path in the stack file → why its value needs an answer. `traefik`: missing options of Traefik.
    `callers`: services whose calls may reach an old color. `following`: the next steps.
    """

    found: list[str] = field(default_factory=list)
    questions: dict[str, str] = field(default_factory=dict)
    check: list[str] = field(default_factory=list)
    traefik: list[str] = field(default_factory=list)
    callers: list[str] = field(default_factory=list)
    following: list[str] = field(default_factory=list)

    def ask(self, path: str, question: str) -> None:
        """Adds a question about `path`, after earlier ones."""
        asked = self.questions.get(path)
        self.questions[path] = f"{asked}; {question}" if asked else question
