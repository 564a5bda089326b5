import pytest

from app.domain.errors import BuildFailed
from app.domain.long_lines import LINE_BYTES, OUTPUT_LINE_BYTES, SHOWN_LINE_BYTES, beginning, brief, shortened


@pytest.mark.parametrize("line", ["", "a line", "x" * LINE_BYTES, "é" * (LINE_BYTES // 2)])
def test_line_within_the_limit_is_unchanged(line: str) -> None:
    assert shortened(line) == line


@pytest.mark.parametrize(
    ("line", "length"), [("x" * 100_000, 100_000), ("é" * 3000, 6000), ("\U0001f600" * 2000, 8000)]
)
def test_cut_line_says_how_long_it_was(line: str, length: int) -> None:
    cut = shortened(line)
    assert LINE_BYTES - 4 <= len(cut.encode()) <= LINE_BYTES
    assert cut.endswith(f"… [cut: the line had {length} bytes]")
    assert line.startswith(cut.partition("…")[0])


def test_line_cut_twice_keeps_its_first_length() -> None:
    once = shortened("x" * 100_000, OUTPUT_LINE_BYTES)
    assert shortened(once).endswith("[cut: the line had 100000 bytes]")
    assert shortened(shortened(once), SHOWN_LINE_BYTES).endswith("[cut: the line had 100000 bytes]")


def test_beginning_of_a_longer_line_says_its_length() -> None:
    assert beginning("the beginning", LINE_BYTES, 100_000) == "the beginning… [cut: the line had 100000 bytes]"


def test_each_line_of_a_text_is_cut_by_itself() -> None:
    long = "x" * 100_000
    assert shortened(f"a failure\n{long}\nthe end") == f"a failure\n{shortened(long)}\nthe end"


def test_note_with_an_absurd_number_is_no_length() -> None:
    cut = shortened(f"{'x' * 9000}… [cut: the line had {'9' * 9000} bytes]")
    assert cut.endswith("bytes]")
    assert len(cut.encode()) <= LINE_BYTES


def test_brief_shortens_each_line_of_nested_text() -> None:
    long = "x" * 100_000
    cut = shortened(long, SHOWN_LINE_BYTES)
    value = {"error": f"build: it failed\n  | {long}\nwhat to do", "n": 1, "none": None, "deep": ({"t": long}, ["ok"])}
    assert brief(value) == {
        "error": f"build: it failed\n{shortened(f'  | {long}', SHOWN_LINE_BYTES)}\nwhat to do",
        "n": 1,
        "none": None,
        "deep": [{"t": cut}, ["ok"]],
    }


def test_error_keeps_bounded_output_lines() -> None:
    error = BuildFailed("exit code 1", last_lines=["short", "x" * 1_000_000])
    assert error.last_lines[0] == "short"
    assert len(error.last_lines[1].encode()) <= OUTPUT_LINE_BYTES
