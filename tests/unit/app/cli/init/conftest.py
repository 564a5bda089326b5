from pathlib import Path

import pytest


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The directory of a project with an empty directory of dynamic files."""
    (tmp_path / "dynamic").mkdir()
    return tmp_path
