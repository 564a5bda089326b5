import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.errors import StaleWorker
from workers.adapters.docker_host.adoption.record import RECORD, Adopted, AdoptedFile
from workers.ports import Instance, Stamp

OLD, NEW = (Adopted(Stamp(tag, tag * 2, f"r-{tag}"), {"c1": "api-blue"}, frozenset({"bot"})) for tag in ("v1", "v2"))


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    """Two records: the newer one is that of v2."""
    for at, adopted in enumerate((OLD, NEW)):
        AdoptedFile(tmp_path).put(adopted)
        os.utime(tmp_path / adopted.stamp.sha / RECORD, (at, at))
    return tmp_path


def test_newest_record_counts(releases: Path) -> None:
    assert AdoptedFile(releases).get() == NEW


def test_record_of_a_later_version_is_read(releases: Path) -> None:
    path = releases / NEW.stamp.sha / RECORD
    fields = json.loads(path.read_text())
    fields |= {"stamp": fields["stamp"] | {"digest": "x"}, "added": 1}
    path.write_text(json.dumps(fields))
    assert AdoptedFile(releases).get() == NEW


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}"])
def test_unreadable_record_does_not_hide_another(releases: Path, content: str) -> None:
    (releases / NEW.stamp.sha / RECORD).write_text(content)
    assert AdoptedFile(releases).get() == OLD


@pytest.mark.parametrize(("service", "single"), [("api-blue", False), ("api", True)])
def test_recorded_container_has_the_service_that_it_counts_as(service: str, single: bool) -> None:
    """A container of `api` counts as a color that is made from it; the engine does not know that."""
    found = OLD.mark(Instance("c1", service, "running"))
    assert (found.service, found.single, found.adopted, found.release) == ("api-blue", single, True, "v1")
    other = Instance("c2", service, "running")
    assert OLD.mark(other) == other


def test_replaced_worker_records_nothing(releases: Path) -> None:
    def stale() -> None:
        raise StaleWorker("another worker has taken over")

    with pytest.raises(StaleWorker):
        AdoptedFile(releases, stale).put(replace(NEW, containers={}))
    assert AdoptedFile(releases).get() == NEW


def test_missing_directory_has_no_record(tmp_path: Path) -> None:
    assert AdoptedFile(tmp_path / "none").get() is None
