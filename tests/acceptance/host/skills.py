"""Calls of the old client from inside the skills container of a stack."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.stack import Color
from tests.acceptance.host import old_client
from tests.acceptance.host.containers import Project
from tests.acceptance.host.old_client import Outcome


@dataclass(frozen=True)
class Skills:
    """The running skills container of `color`. `url`: the updater; `secret`: the path of the shared secret's file."""

    project: Project
    color: Color
    url: str
    secret: str

    @property
    def service(self) -> str:
        return f"zetherion-ai-skills-{self.color}"

    def call(self, call: str, *arguments: object) -> Any:
        """Makes one call of the client, and returns its output."""
        return json.loads(self.project.inside(self.service, *self._words(call, arguments)))

    def outcome(self, call: str, *arguments: object) -> Outcome:
        """Makes a call that ends with an outcome."""
        answer = self.call(call, *arguments)
        return Outcome(**{**answer, "steps_completed": tuple(answer["steps_completed"])})

    def cut_off(self, call: str, *arguments: object) -> None:
        """Makes a call whose rollout stops this container before the answer. Raises AssertionError if one comes."""
        engine, container = self.project.client.api, self.project.container(self.service)
        started = engine.exec_create(container.id, list(self._words(call, arguments)))
        output = bytes(engine.exec_start(started["Id"]))
        assert output == b"", output.decode("utf-8", "replace")

    def _words(self, call: str, arguments: tuple[object, ...]) -> tuple[str, ...]:
        source = Path(old_client.__file__).read_text()
        return ("python3", "-c", source, self.url, self.secret, call, json.dumps(arguments))
