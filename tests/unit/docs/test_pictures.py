"""Checks that the pages show every picture of docs/, and name none that is not there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHOWN = re.compile(r'(?:src|srcset)="([^"]+)"|!\[[^\]]*\]\(([^)]+)\)')


def test_every_picture_is_there_and_shown() -> None:
    shown = {
        (page.parent / (in_html or in_markdown)).resolve()
        for page in PAGES
        for in_html, in_markdown in SHOWN.findall(page.read_text())
    }
    assert shown == {*(ROOT / "docs").glob("*.png"), *(ROOT / "docs").glob("*.svg")}
