"""The files of the dashboard."""

import re

from app.web.calls.dashboard import HTML, PAGE, TYPES, Dashboard

LONGEST = 250


def test_every_file_is_served_and_short() -> None:
    files = sorted(PAGE.iterdir())
    assert {path.suffix for path in files} <= set(TYPES)
    assert [path.name for path in files if len(path.read_text(encoding="utf-8").splitlines()) > LONGEST] == []


def test_modules_import_only_each_other() -> None:
    for module in PAGE.glob("*.js"):
        imported = re.findall(r'\bfrom "([^"]+)"|\bimport "([^"]+)"|import\(', module.read_text(encoding="utf-8"))
        names = [one or other for one, other in imported]
        assert [name for name in names if not (PAGE / name).is_file()] == [], module.name


def test_each_module_is_used() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in PAGE.iterdir())
    names = {path.name for path in PAGE.iterdir()} - {HTML}
    assert {name for name in names if f"/{name}" not in text} == set()


def test_version_is_that_of_the_content() -> None:
    assert Dashboard().version == Dashboard().version
    assert re.fullmatch(r"[0-9a-f]{16}", Dashboard().version)
