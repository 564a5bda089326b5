"""The part of the stack file that says which files and variables of a release Compose reads."""

from collections.abc import Collection, Iterator
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field

from app.config.part import Part
from app.domain.stack import ALWAYS_SET, FileRules


def _inside(path: str) -> str:
    if not path.strip() or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError("should be a path inside the release")
    return path


Inside = Annotated[str, AfterValidator(_inside)]
VariableName = Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$")]


class FilesPart(Part):
    release: list[Inside] = Field(default_factory=list)
    live: list[Inside] = Field(default_factory=list)
    unfetched: list[Inside] = Field(default_factory=list)
    submodules: bool = False
    lfs: bool = False

    def rules(self) -> FileRules:
        lists = tuple(self.release), tuple(self.live), tuple(self.unfetched)
        return FileRules(*lists, submodules=self.submodules, lfs=self.lfs)


def contradictions(
    one: str | None, several: Collection[str], names: Collection[str], files: FilesPart
) -> Iterator[str]:
    """What is wrong between the keys `compose_file`, `compose_files`, `variables` and `files`."""
    if one and several:
        yield "compose_file: compose_files is set too. Keep compose_files, with every file in it"
    for name in sorted({"PWD", *ALWAYS_SET} & set(names)):
        yield f"variables/{name}: the updater sets it. Choose another name"
    for path in sorted(set(files.release) & set(files.live)):
        yield f"files: {path} is in both release and live. Remove one"
