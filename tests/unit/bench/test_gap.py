from pathlib import Path

import pytest

from deploy.bench import gap, health, image, rollback
from deploy.bench.rollout import measure as rollout


@pytest.mark.parametrize("measure", [gap.measure, health.measure, image.measure, rollback.measure, rollout.measure])
def test_without_an_engine_the_benchmark_is_skipped_by_name(
    measure: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    said: list[str] = []
    assert list(measure(5, said.append)) == []  # type: ignore[operator]
    assert ["skipped: no Docker Engine answers" in line for line in said] == [True]
