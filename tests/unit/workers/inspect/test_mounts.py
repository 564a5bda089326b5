from pathlib import Path

import pytest

from workers.inspect.mounts import outside, remedy, unlike

MOUNTS = {"/srv/shop": "/srv/shop", "/routes": "/var/volumes/routes", "/srv/shop/data": "/mnt/data"}


@pytest.mark.parametrize(
    ("inside", "on_the_host"),
    [
        ("/srv/shop", "/srv/shop"),
        ("/srv/shop/.env", "/srv/shop/.env"),
        ("/srv/shop/data/x", "/mnt/data/x"),
        ("/routes/dynamic/updater-routes.yml", "/var/volumes/routes/dynamic/updater-routes.yml"),
        ("/etc/passwd", None),
    ],
)
def test_innermost_mount_maps_a_path(inside: str, on_the_host: str | None) -> None:
    assert outside(Path(inside), MOUNTS) == (Path(on_the_host) if on_the_host else None)


def test_missing_container_changes_no_path() -> None:
    assert unlike([Path("/anywhere")], None) == []


def test_differing_path_gets_a_mount_remedy() -> None:
    wrong = unlike([Path("/srv/shop"), Path("/routes"), Path("/app/data")], MOUNTS)
    assert wrong == [Path("/routes"), Path("/app/data")]
    assert "`/app/data:/app/data`" in remedy(wrong)
