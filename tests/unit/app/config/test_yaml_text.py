"""What an operator wrote is read as by yaml.safe_load, at the same places."""

from typing import Any

import pytest
import yaml

from app.config.yaml_text import _Loader, read_yaml
from deploy.demo.processes import ROOT

STACK = (ROOT / "config" / "stack.yml").read_text()
TEXTS = [
    STACK,
    STACK.replace("\n", "\r\n"),
    f"\ufeff{STACK}",
    f"---\n{STACK}...\n",
    "",
    "#",
    "# only a comment",
    "\n \n  # a\n\n",
    "a: 1 # one\n# two\n\n   # three\nb: 2",
    "a: 1 # one\r# two\x85# three\u2028b: 2\n",
    "a: # \ufeff\n  b\n",
    "# \ufeffa\nb: {c: 1, # d\n  # e\n\n  f: [g, # h\n i]}\n",
    "a: |\n  # text\n\n  # more\n# no text\nb: >\n  c\n",
    "a: 'it # is\n\n  # text'\nb: text#\n",
    "a:\n# b\n- c\n# d\n- e: f\n  # g\n  h: i\n",
]
INVALID = [
    "\t# a\nb: c\n",
    "# a\n\n# b\nc: [\n# d\n",
    "a: b\n# c\n  d: e\n",
    "# a\n\n  # b\nc: 'd\n# e\n",
    "a: {b: c\n# d\n\ne: f}\n# g\nh",
    "# a\n- b\n# c\nd: e\n",
    "# \0\na: b\n",
    "# a\nb: !!python/object:os.system {}\n",
    "a: b\n#c\n\t- d\n",
]


def tokens(text: str, loader: type[yaml.SafeLoader]) -> list[Any]:
    """Each token with its first and last place in the text."""

    def place(mark: yaml.Mark) -> tuple[int, int, int]:
        return mark.index, mark.line, mark.column

    found = yaml.scan(text, loader)
    return [(type(t), getattr(t, "value", None), place(t.start_mark), place(t.end_mark)) for t in found]


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_read_as_by_safe_load(text: str) -> None:
    assert tokens(text, _Loader) == tokens(text, yaml.SafeLoader)
    assert read_yaml(text) == yaml.safe_load(text)


@pytest.mark.parametrize("text", INVALID)
def test_error_is_that_of_safe_load(text: str) -> None:
    with pytest.raises(yaml.YAMLError) as expected:
        yaml.safe_load(text)
    with pytest.raises(yaml.YAMLError) as error:
        read_yaml(text)
    assert (type(error.value), str(error.value)) == (type(expected.value), str(expected.value))


def test_file_is_read_as_by_safe_load() -> None:
    with (ROOT / "config" / "stack.yml").open() as file:
        assert yaml.load(file, _Loader) == yaml.safe_load(STACK)  # noqa: S506 - a SafeLoader
