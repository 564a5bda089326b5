"""Mounted paths of a model are replaced, and those of services that do not move stay if nothing changed."""

from typing import Any

from workers.definition.files.mounts import as_before, mounted, replaced

SAME = {"/tree/a", "/before/a"}


def model(path: str, config: str = "/tree/c", **more: Any) -> dict[str, Any]:
    volumes = [{"type": "bind", "source": path, "target": "/a"}, {"type": "volume", "source": "v", "target": "/v"}]
    service = {"volumes": volumes, "configs": [{"source": "c"}]}
    return {"services": {"postgres": service, **more}, "configs": {"c": {"file": config}, "inline": {"content": "x"}}}


def same(one: str, other: str) -> bool:
    return one == other or {one, other} <= SAME


def test_every_mounted_path_is_replaced() -> None:
    changed = replaced(model("/tree/a"), lambda path: path.replace("/tree", "/store"))
    assert mounted(changed) == ["/store/a", "/store/c"]
    assert mounted(model("/tree/a")) == ["/tree/a", "/tree/c"]


def test_unchanged_file_keeps_its_path() -> None:
    kept = as_before(model("/tree/a"), model("/before/a"), (), same)
    assert mounted(kept) == ["/before/a", "/tree/c"]


def test_changed_file_gets_the_new_path() -> None:
    assert mounted(as_before(model("/tree/a"), model("/before/b"), (), same)) == ["/tree/a", "/tree/c"]
    assert mounted(as_before(model("/tree/a"), {}, (), same)) == ["/tree/a", "/tree/c"]


def test_first_release_keeps_the_live_path_of_an_unchanged_file() -> None:
    """Nothing is published before it: the containers were started from the live directory."""
    kept = as_before(model("/tree/a", "/tree/a"), {}, (), same, lambda path: path.replace("/tree", "/before"))
    assert mounted(kept) == ["/before/a", "/before/a"]
    kept = as_before(model("/tree/b"), {}, (), same, lambda path: path.replace("/tree", "/before"))
    assert mounted(kept) == ["/tree/b", "/tree/c"]


def test_moved_service_always_gets_the_new_path() -> None:
    kept = as_before(model("/tree/a", "/tree/a"), model("/before/a", "/before/a"), ("postgres",), same)
    assert mounted(kept) == ["/tree/a", "/tree/a"]
    kept = as_before(model("/tree/a", "/tree/a"), model("/before/a", "/before/a"), (), same)
    assert mounted(kept) == ["/before/a", "/before/a"]
