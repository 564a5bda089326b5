"""The files of the dashboard."""

import re
from pathlib import Path

import pytest
from starlette.requests import Request

from app.web.calls.dashboard import HTML, PAGE, TYPES, Dashboard
from app.web.internal.call import Given

LONGEST, MOST_FILES = 250, 12

MAY_IMPORT = {
    "": {"base", "parts", "views"},
    "views": {"base", "parts", "views"},
    "parts": {"base", "parts"},
    "base": {"base"},
}
"""By folder. At the top is what every view has: the frame and the styles."""

FILES = sorted(path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*") if path.is_file())
MODULES = [name for name in FILES if name.endswith(".js")]
IMPORT = re.compile(r'^import \{ ([^}]+) \} from "([^"]+)";$', re.MULTILINE)


def folder_of(name: str) -> str:
    return name.rpartition("/")[0]


def test_every_file_is_served_and_short() -> None:
    assert {Path(name).suffix for name in FILES} <= set(TYPES)
    assert [name for name in FILES if len((PAGE / name).read_text(encoding="utf-8").splitlines()) > LONGEST] == []


def test_no_folder_of_the_page_is_crowded() -> None:
    folders = [folder_of(name) for name in FILES]
    assert set(folders) == set(MAY_IMPORT)
    assert [folder for folder in MAY_IMPORT if folders.count(folder) > MOST_FILES] == []


@pytest.mark.parametrize("name", MODULES)
def test_module_imports_what_its_folder_may(name: str) -> None:
    text = (PAGE / name).read_text(encoding="utf-8")
    assert len(IMPORT.findall(text)) == len(re.findall(r"^import |\bimport\(", text, re.MULTILINE))
    for names, path in IMPORT.findall(text):
        module = (PAGE / name).parent.joinpath(path).resolve()
        assert folder_of(module.relative_to(PAGE).as_posix()) in MAY_IMPORT[folder_of(name)], path
        for each in (word.partition(" as ")[0] for word in names.split(", ")):
            exported = re.search(rf"^export .*\b{each}\b", module.read_text(encoding="utf-8"), re.MULTILINE)
            assert exported, f"{path} has no {each}"
            assert len(re.findall(rf"\b{each}\b", text)) > 1, f"{each} is not used"


def test_each_file_is_used() -> None:
    text = "".join((PAGE / name).read_text(encoding="utf-8") for name in FILES)
    assert {name for name in FILES if name != HTML and f"/{Path(name).name}" not in text} == set()


def test_version_is_that_of_the_content() -> None:
    assert Dashboard().version == Dashboard().version
    assert re.fullmatch(r"[0-9a-f]{16}", Dashboard().version)


async def test_page_asks_for_every_module_at_once() -> None:
    page = bytes((await Dashboard().page(Given(Request({"type": "http"})))).body).decode()
    asked = re.findall(r'(?:modulepreload" href|<script [^>]*src)="/page/[0-9a-f]{16}/([^"]+)"', page)
    assert sorted(asked) == MODULES
    assert "{" not in page
