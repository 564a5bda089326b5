"""The text of a proposed stack file: its comments, and which of its keys are active."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from app.cli.init.example.settings import activated, packaged_example, parse_example
from app.cli.init.notes import Notes
from app.cli.init.project.compose_file import Project
from app.cli.init.proposal import Proposal
from app.cli.init.routes.routed import RoutedFound
from app.cli.init.services.uncolored import of_pairs
from app.cli.init.stack_text import stack_text
from app.cli.init.traefik_part import TraefikPart
from app.config.stack_file import parse_stack
from app.domain.stack import EngineKind, Stack

UNSURE = {"jobs": ("shop-jobs", "its name")}
BOT = of_pairs({"bot": ("shop-bot", "its name")}, UNSURE)

PROPOSAL = Proposal(
    project=Project(Path("/srv/shop"), "compose.yaml", {}, resolved=True),
    name="shop",
    repository="octo/shop",
    traefik=TraefikPart({"web": "http://traefik:80"}, "http://traefik:8082/metrics", has_metrics=False),
    routed=(RoutedFound("web", "api-blue", "api-green", 8000, "/health", "web"),),
    uncolored=of_pairs({}, UNSURE),
    retired=(),
    updater=None,
    stop_grace=45,
    notes=Notes(),
)


def written(proposal: Proposal = PROPOSAL) -> str:
    return stack_text(proposal, packaged_example())


def test_the_head_says_who_wrote_the_file() -> None:
    first, second, *more = written().partition("\n\n")[0].splitlines()
    example = packaged_example().head
    assert [first, *more] == [f"# {line}".rstrip() for line in example]
    assert second == "# Written by `updater init` from compose.yaml. Answer each QUESTION, then delete its mark."


def test_each_comment_is_the_examples() -> None:
    example, found = packaged_example().settings, parse_example(written()).settings
    common = set(example) & set(found)
    assert {"source", "traefik/metrics", "retired", "updater/ready", "times/bake", "github/log_url"} <= common
    for path in common:
        assert (found[path].above, found[path].beside) == (example[path].above, example[path].beside), path
    assert {path for path in example if "/" not in path} - set(found) == {"before_flip", "policy"}


def test_settings_that_nothing_decides_have_their_defaults() -> None:
    found = yaml.safe_load(written())
    assert {name: found[name] for name in ("channel", "tags", "supersede", "resume")} == {
        "channel": Stack.channel,
        "tags": Stack.tags.pattern,
        "supersede": Stack.supersede,
        "resume": Stack.resume,
    }


def test_what_was_not_found_is_a_comment() -> None:
    text = written()
    assert "\n# source: https://github.com/owner/name.git\n" in text
    assert "\n  # metrics: http://traefik:8082/metrics\n" in text
    assert "\n    # rule: PathPrefix(`/`)\n" in text
    assert "\n# retired: [old-updater]\n" in text
    assert "\n# updater:\n#   web: updater\n#   worker: updater-worker\n#   ready: 90 # " in text
    assert "Reason to ask: its name.\n  # jobs:\n  #   service: shop-jobs\n" in text
    assert not {"source", "retired", "updater"} & set(yaml.safe_load(text))


def test_what_was_found_is_in_force() -> None:
    found = replace(
        PROPOSAL,
        traefik=replace(PROPOSAL.traefik, has_metrics=True),
        uncolored=BOT,
        retired=("old", "on"),
        updater=("up", "up-worker"),
    )
    content = yaml.safe_load(written(found))
    assert content["traefik"]["metrics"] == "http://traefik:8082/metrics"
    assert (content["singletons"], content["retired"]) == ({"bot": {"service": "shop-bot"}}, ["old", "on"])
    assert content["updater"] == {"web": "up", "worker": "up-worker", "ready": 90}


def test_what_is_a_comment_may_be_put_in_force() -> None:
    proposal = replace(PROPOSAL, uncolored=BOT)
    shown = yaml.safe_load(activated(written(proposal)))
    assert shown.pop("updater"), "a swarm cannot have it"
    stack = parse_stack(shown, engines=[*EngineKind])
    assert [single.name for single in stack.singletons] == ["bot", "jobs"]


@pytest.mark.parametrize("path", ["repository", "routed/web/port", "routed/web/rule", "traefik/entrypoints/web"])
def test_a_question_is_on_the_line_of_its_value(path: str) -> None:
    text = written(replace(PROPOSAL, notes=Notes(questions={path: "which\n of two?"})))
    (line,) = (line for line in text.splitlines() if line.endswith(" # QUESTION: which of two?"))
    assert f"{path.rpartition('/')[2]}: " in line


def test_the_limits_are_the_defaults_and_the_projects_stop_grace() -> None:
    times = yaml.safe_load(written())["times"]
    assert (times["build"], times["stop_grace"]) == (1800, 45)


STRANGE = ("a,b.yml", "a]b[.yml", "{a}: b.yml", "a #b.yml", "- a.yml", "'a'\".yml", "é.yml", "yes", "1.5", "a\nb.yml")
STRANGER = ("a\tb.yml", "a\u2028b\x85.yml", " a.yml ", "*a", "&a", "!a", "%a", "@a", "a\\b", "~", "null")


@pytest.mark.parametrize("name", [*STRANGE, *STRANGER])
def test_name_of_a_file_is_read_back_as_it_is(name: str) -> None:
    project = Project(Path("/srv/shop"), name, {}, resolved=True, more=("b.yml", name))
    read = yaml.safe_load(written(replace(PROPOSAL, project=project)))
    assert parse_stack(read).compose_files == (name, "b.yml", name)


def test_names_of_retired_services_are_read_back_as_they_are() -> None:
    assert yaml.safe_load(written(replace(PROPOSAL, retired=STRANGE)))["retired"] == list(STRANGE)
