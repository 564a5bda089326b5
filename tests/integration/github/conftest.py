"""A GitHub server process for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.demo.github.control import GitHubServer, github_server


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHubServer]:
    log = tmp_path / "github.log"
    with github_server(log) as server:
        yield server
        print(log.read_text()[-2000:])
