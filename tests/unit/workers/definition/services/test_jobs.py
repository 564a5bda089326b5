from typing import Any

import pytest

from app.domain.stack import BeforeFlip
from tests.examples import a_stack
from workers.definition.services.jobs import needed_by, unrun

COMPLETED = {"condition": "service_completed_successfully"}


def said(*commands: BeforeFlip, **services: Any) -> list[str]:
    return list(unrun({"services": services}, a_stack(before_flip=commands)))


def test_job_that_no_rollout_runs_is_named_with_the_line_to_add() -> None:
    waiting = {"depends_on": {"migrate": COMPLETED, "db": {"condition": "service_healthy"}}}
    (text,) = said(**{"skills-blue": waiting, "skills-green": waiting, "nginx": waiting}, migrate={}, db={})
    assert text.startswith("skills-blue, skills-green waits until migrate has completed (depends_on), but no rollout")
    assert text.endswith("Add `- service: migrate` to before_flip in the stack file")


@pytest.mark.parametrize("needed", ["migrate", "skills-green"])
def test_dependency_that_a_command_runs_is_done(needed: str) -> None:
    assert said(BeforeFlip("migrate"), bot={"depends_on": {needed: COMPLETED}}, migrate={}) == []


def test_job_waits_for_jobs_too() -> None:
    seed: dict[str, Any] = {"depends_on": {"migrate": COMPLETED}}
    assert said(BeforeFlip("migrate"), BeforeFlip("seed"), seed=seed, migrate={}) == []
    (late,) = said(BeforeFlip("seed"), BeforeFlip("migrate"), seed=seed, migrate={})
    assert late == "seed waits until migrate has completed (depends_on): put migrate first in before_flip"
    (unnamed,) = said(BeforeFlip("seed"), seed=seed, migrate={})
    assert unnamed.startswith("seed waits until migrate has completed")


def test_job_needs_what_no_rollout_moves() -> None:
    depends = {
        "db": {"condition": "service_healthy", "required": True},
        "cache": {"condition": "service_started"},
        "mail": {"condition": "service_started", "required": False},
        "seed": COMPLETED,
        "bot": {"condition": "service_started"},
    }
    model = {"services": {"migrate": {"depends_on": depends}}}
    assert needed_by(model, "migrate", a_stack(before_flip=(BeforeFlip("migrate"),))) == {"db": True, "cache": False}
