import re
from pathlib import Path
from typing import Any

from deploy.bench.image import (
    DIRECTORIES,
    FILES,
    MIB,
    PATCHED,
    Built,
    beyond,
    build_file,
    bytes_beyond,
    bytes_moved,
    copied,
    patched,
)
from deploy.demo.docker.images import BUILD_IMAGE
from deploy.demo.processes import ROOT


def manifest(*layers: tuple[str, int]) -> dict[str, Any]:
    return {"config": {"size": 5}, "layers": [{"digest": digest, "size": size} for digest, size in layers]}


FIRST = manifest(("base", 1000), ("packages", 300), ("code", 20))
SECOND = manifest(("base", 1000), ("packages", 300), ("new code", 21))


def test_pull_moves_the_layers_that_are_not_here() -> None:
    assert (bytes_moved(SECOND, FIRST), bytes_moved(FIRST, FIRST)) == (26, 5)


def test_first_pull_moves_all_beyond_the_base() -> None:
    assert bytes_beyond(SECOND, layers=1) == 326


def test_size_and_layers_are_beyond_the_base() -> None:
    assert list(beyond(Built(300 * MIB, 9), Built(180 * MIB, 2)).values()) == [120, 7]


def test_context_has_what_the_dockerfile_copies(tmp_path: Path) -> None:
    copied(tmp_path / "context")
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    sources = [words.split()[:-1] for words in re.findall(r"^COPY (?!--from)(.*)$", dockerfile, re.MULTILINE)]
    named = [name.replace("${REQUIREMENTS}", "runtime") for words in sources for name in words if name[:2] != "--"]
    assert named
    assert [name for name in named if not (tmp_path / "context" / name).exists()] == []


def test_patch_changes_one_module(tmp_path: Path) -> None:
    copied(tmp_path / "context")
    patched(tmp_path / "context")
    both = [(ROOT / name, tmp_path / "context" / name) for name in (*FILES, PATCHED)]
    assert [old.read_bytes() == new.read_bytes() for old, new in both] == [True, True, False]
    assert PATCHED.split("/")[0] in DIRECTORIES


def test_image_is_built_as_the_dockerfile_says() -> None:
    assert f"ARG BASE={BUILD_IMAGE}\n" in (ROOT / "deploy" / "Dockerfile").read_text()
    build = build_file(Path("/c"), "a-base", "an-image")["services"]["updater"]
    assert build["build"]["args"] == {"BASE": "a-base"}
