from pathlib import Path

import pytest

from app.host_paths import mounted_from

MOUNTS = r"""
22 1 0:21 / / rw,relatime - overlay overlay rw,lowerdir=/x
23 22 0:22 / /proc rw - proc proc rw
30 22 8:1 /srv/shop/data /app/data rw,relatime shared:1 - ext4 /dev/sda1 rw
31 22 8:1 /var/lib/docker/volumes/shop_secret/_data /run/updater rw - ext4 /dev/sda1 rw
32 30 8:1 /srv/shop/deep\040er /app/data/deeper ro - ext4 /dev/sda1 rw
33 22 0:30 / /run/secrets rw - tmpfs tmpfs rw
34 22 8:1 /first /twice rw - ext4 /dev/sda1 rw
35 34 8:1 /second /twice rw - ext4 /dev/sda1 rw
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/app/data/.updater-secret", "/srv/shop/data/.updater-secret"),
        ("/run/updater/x/secret", "/var/lib/docker/volumes/shop_secret/_data/x/secret"),
        ("/app/data/deeper/secret", "/srv/shop/deep er/secret"),
        ("/run/secrets/secret", "/run/secrets/secret"),
        ("/app/database/secret", "/app/database/secret"),
        ("/twice/secret", "/second/secret"),
    ],
)
def test_the_command_names_the_path_on_the_host(path: str, expected: str) -> None:
    assert mounted_from(Path(path), MOUNTS) == Path(expected)


@pytest.mark.parametrize("mounts", ["", "not\na table", "1 2 3 4"])
def test_path_is_unchanged_without_a_mount_table(mounts: str) -> None:
    assert mounted_from(Path("/app/data/x"), mounts) == Path("/app/data/x")
