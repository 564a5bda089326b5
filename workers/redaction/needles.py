"""Finds many texts in one. The cost hardly depends on how many are sought."""

from collections.abc import Iterable, Iterator, Sequence

from app.domain.long_lines import cuts
from workers.redaction.names import SHORTEST

GRAM = 4
STRIDE = SHORTEST - GRAM + 1
"""Every stretch of SHORTEST characters has a whole gram at one of the positions 0, STRIDE, 2 * STRIDE, …"""


class Needles:
    """The texts to replace, of at least SHORTEST characters each, by their first SHORTEST characters.

    A look at every STRIDE-th position of a text finds where one may be: its gram is one of those in the beginnings.
    """

    def __init__(self) -> None:
        self._by_head: dict[str, tuple[str, ...]] = {}
        self._grams: set[str] = set()

    def add(self, texts: Iterable[str]) -> None:
        for text in texts:
            head = text[:SHORTEST]
            known = self._by_head.get(head, ())
            if text not in known:
                self._by_head[head] = tuple(sorted((*known, text), key=len, reverse=True))
                self._grams.update(head[at : at + GRAM] for at in range(STRIDE))

    def replaced(self, text: str, hidden: str) -> str:
        """`text` with `hidden` for each needle, and for the beginning of one at the end of a cut line."""
        grams = self._grams
        near = [at for at in range(0, len(text) - GRAM + 1, STRIDE) if text[at : at + GRAM] in grams]
        if not near:
            return text
        ends = list(cuts(text))
        parts, done = [], 0
        for at in self._heads(text, near):
            end = self._end(text, at, ends)
            if end and at >= done:
                parts += [text[done:at], hidden]
            done = max(done, end)  # a needle that overlaps the one before is hidden too
        return "".join([*parts, text[done:]])

    def _heads(self, text: str, near: Iterable[int]) -> Iterator[int]:
        """The positions in `text` of needles' beginnings. Each of `near` is at most STRIDE - 1 after one of them."""
        for gram in near:
            yield from (
                at for at in range(max(0, gram - STRIDE + 1), gram + 1) if text[at : at + SHORTEST] in self._by_head
            )

    def _end(self, text: str, at: int, ends: Sequence[int]) -> int:
        """The end of the longest needle at position `at` of `text`; 0 if there is none."""
        cut = next((end for end in ends if end >= at + SHORTEST), None)
        for needle in self._by_head[text[at : at + SHORTEST]]:
            if text.startswith(needle, at):
                return at + len(needle)
            if cut is not None and needle.startswith(text[at:cut]):
                return cut
        return 0
