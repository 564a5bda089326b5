"""Shortens long lines. A cut line ends with a note that says how long it was."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from app.domain.json_value import with_strings

LINE_BYTES = 4 * 1024
"""The longest line in the log of a rollout."""

SHOWN_LINE_BYTES = 1024
"""The longest line in an error, an event, the status, the history and a message."""

OUTPUT_LINE_BYTES = 32 * 1024
"""The longest line of a command's output that the worker reads. It is longer than the other limits because the worker
redacts a line before it cuts it to them: a secret is recognized as a whole, or by its beginning at a cut of this
length."""

_NOTE = re.compile(r"… \[cut: the line had ([0-9]{1,15}) bytes\]")


def shortened(text: str, limit: int = LINE_BYTES) -> str:
    """Returns `text` with each line in at most `limit` bytes of UTF-8, a cut one with its length.

    A line that was cut before keeps its length.
    """
    if len(text) * 4 <= limit:  # a character has at most four bytes
        return text
    return "\n".join(_shortened(line, limit) for line in text.split("\n"))


def beginning(line: str, limit: int, length: int) -> str:
    """Returns at most `limit` bytes of `line`, which is the beginning of a line of `length` bytes, with that length."""
    note = f"… [cut: the line had {length} bytes]"
    return line.encode("utf-8", "replace")[: limit - len(note.encode())].decode("utf-8", "ignore") + note


def cuts(text: str) -> Iterator[int]:
    """Yields the position of each cut in `text`: where the note begins."""
    return (note.start() for note in _NOTE.finditer(text))


def brief(value: Any) -> Any:
    """Returns the JSON value with the lines of its strings in at most SHOWN_LINE_BYTES each."""
    return with_strings(value, partial(shortened, limit=SHOWN_LINE_BYTES))


def _shortened(line: str, limit: int) -> str:
    length = len(line.encode("utf-8", "replace"))
    if length <= limit:
        return line
    known = next((note for note in _NOTE.finditer(line) if note.end() == len(line)), None)
    return beginning(line, limit, int(known[1]) if known else length)
