import random

from app.domain.long_lines import beginning
from workers.redaction.needles import Needles


def needles(*texts: str) -> Needles:
    found = Needles()
    found.add(texts)
    return found


def test_needle_is_found_at_every_position() -> None:
    found = needles("12345678")
    for before in range(12):
        for after in range(12):
            assert found.replaced("-" * before + "12345678" + "." * after, "X") == "-" * before + "X" + "." * after


def test_longest_needle_is_replaced() -> None:
    assert needles("12345678", "1234567890").replaced("1234567890 12345678 1234567", "X") == "X X 1234567"


def test_overlapping_needles_are_replaced_whole() -> None:
    assert needles("abcdefgh", "efghijkl").replaced("-abcdefghijkl-", "X") == "-X-"
    assert needles("abcdefghijkl", "cdefghij").replaced("-abcdefghijkl-", "X") == "-X-"


def test_adjacent_needles_are_both_replaced() -> None:
    assert needles("abcdefgh").replaced("abcdefghabcdefgh", "X") == "XX"


def test_beginning_at_a_cut_is_replaced() -> None:
    cut = beginning("it is abcdefghij", 1000, 5000)
    assert (
        needles("abcdefghijklmnop").replaced(f"{cut}\nabcdefghij", "X")
        == f"{cut.replace('abcdefghij', 'X')}\nabcdefghij"
    )


def test_no_needle_is_missed() -> None:
    """Against a search for each needle alone, in texts that have many beginnings of needles."""
    chance = random.Random(7)  # noqa: S311 - not for cryptography
    for _ in range(300):
        texts = ["".join(chance.choices("ab", k=chance.randint(8, 12))) for _ in range(3)]
        text = "".join(chance.choices("abc", [4, 4, 1], k=200))
        covered = {
            place
            for needle in texts
            for at in range(len(text))
            if text.startswith(needle, at)
            for place in range(at, at + len(needle))
        }
        shown = needles(*texts).replaced(text, "X").replace("X", "")
        assert shown == "".join(character for at, character in enumerate(text) if at not in covered)
