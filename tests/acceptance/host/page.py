"""The shell blocks of a Markdown page, in the order in which a reader types them."""

import re
from dataclasses import dataclass

_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Section:
    """A part of the page: its heading (empty above the first one) and its shell blocks."""

    heading: str
    blocks: tuple[str, ...]


def sections(text: str) -> list[Section]:
    """The sections that have blocks."""
    headings = ["", *_SECTION.findall(text)]
    bodies = _SECTION.sub("\0", text).split("\0")
    found = [Section(h, tuple(_BLOCK.findall(b))) for h, b in zip(headings, bodies, strict=True)]
    return [section for section in found if section.blocks]
