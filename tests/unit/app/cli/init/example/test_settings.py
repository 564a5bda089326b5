"""The packaged example, and how its comments are parsed."""

from dataclasses import fields
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from app.cli.init.example.settings import EXAMPLE, Setting, activated, packaged_example, parse_example
from app.config.stack_file import parse_stack
from app.domain.stack import Checks, EngineKind, GitHub, Keep, Needs, Stack, Times, Traefik, Updater

COMMITTED = Path(__file__).parents[6] / "config" / "stack.yml"


def everything() -> Any:
    return yaml.safe_load(activated(EXAMPLE.read_text()))


def test_the_packaged_example_is_the_committed_one() -> None:
    copied = EXAMPLE.read_text() == COMMITTED.read_text()
    assert copied, "config/stack.yml changed, run: cp config/stack.yml app/cli/init/example/stack.yml"


def test_each_setting_that_the_example_shows_is_valid() -> None:
    """All at once but `updater`, which a swarm cannot have."""
    shown = everything()
    parse_stack({"updater": shown.pop("updater")} | yaml.safe_load(EXAMPLE.read_text()))
    stack = parse_stack(shown, engines=[*EngineKind])
    assert (stack.retired, len(stack.before_flip), len(stack.policy.windows)) == (("old-updater",), 2, 1)
    assert stack.policy.allowed_signers == "/etc/zetherion-updater/allowed_signers"


def test_the_example_shows_each_part() -> None:
    assert set(everything()) == {field.name for field in fields(Stack)}


@pytest.mark.parametrize(
    ("part", "values"),
    [
        ("traefik", Traefik),
        ("times", Times),
        ("checks", Checks),
        ("needs", Needs),
        ("github", GitHub),
        ("keep", Keep),
        ("updater", Updater),
    ],
)
def test_the_example_shows_each_key_of_a_part(part: str, values: Any) -> None:
    assert set(everything()[part]) == {field.name for field in fields(values)}


def test_each_part_but_traefik_is_explained() -> None:
    settings = packaged_example().settings
    assert [path for path in settings if "/" not in path and not settings[path].above] == ["traefik"]


def example(text: str) -> dict[str, Setting]:
    return dict(parse_example(f"# head\n\n{dedent(text)}").settings)


def test_comments_above_and_beside_a_setting() -> None:
    found = example("""\
        # Two lines
        # of text.
        times:
          fetch: 120 # to fetch the tag
          # `build`: of all images.
          build: 1800
        """)
    assert found == {
        "times": Setting(("Two lines", "of text.")),
        "times/fetch": Setting((), "120", "to fetch the tag"),
        "times/build": Setting(("`build`: of all images.",), "1800"),
    }


def test_a_setting_that_is_a_comment() -> None:
    found = example("""\
        # Where from.
        # source: https://example.org

        # Who may.
        # policy:
        #   # Only these.
        #   authors: [octocat]
        #   windows:
        #     - opens: "0 22"
        #       for: 4h

        github:
          # log_url: https://example.org/{id}#top # the log
        """)
    assert found == {
        "source": Setting(("Where from.",), "https://example.org"),
        "policy": Setting(("Who may.",)),
        "policy/authors": Setting(("Only these.",), "[octocat]"),
        "policy/windows": Setting(),
        "policy/windows/opens": Setting((), '"0 22"'),
        "policy/windows/for": Setting((), "4h"),
        "github": Setting(),
        "github/log_url": Setting((), "https://example.org/{id}#top", "the log"),
    }


def test_a_comment_before_an_empty_line_belongs_to_no_setting() -> None:
    assert example("# Alone.\n\nproject: shop\n") == {"project": Setting((), "shop")}


def test_the_head_ends_at_the_first_empty_line() -> None:
    assert parse_example("# One\n#\n# two\n\n# three\nproject: x\n").head == ("One", "", "two")


def test_a_setting_is_written_with_its_comments() -> None:
    found = parse_example("# head\n\n# All.\n#\n# Limits.\ntimes:\n  # Long.\n  build: 1800 # images\n")
    assert found.lines("times") == "# All.\n#\n# Limits.\ntimes:\n"
    assert found.lines("times/build", "60") == "  # Long.\n  build: 60 # images\n"
    assert found.lines("times/build", "60", active=False) == "  # Long.\n  # build: 60 # images\n"
