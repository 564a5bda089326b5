"""The id of the own container, as /proc/self/mountinfo has it in a container and outside one."""

import pytest

from workers.adapters.docker_host.own_services.container import container_id

ID, OTHER = "3f" * 32, "0b" * 32

INSIDE = f"""\
612 520 0:104 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A:/var/lib/docker/overlay2/l/B
613 612 0:107 / /proc rw,nosuid - proc proc rw
690 612 8:1 /var/lib/docker/containers/{ID}/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/sda1 rw
691 612 8:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw,relatime - ext4 /dev/sda1 rw
"""

OUTSIDE = f"""\
24 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
95 24 0:51 / /var/lib/docker/containers/{OTHER}/mounts/shm rw,nosuid shared:52 - tmpfs shm rw,size=65536k
96 24 8:2 /backup/{OTHER}/hostname /srv/old/hostname rw - ext4 /dev/sda2 rw
"""


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [(INSIDE, ID), (OUTSIDE, None), (INSIDE.replace("/var/lib/docker", "/data/engine"), ID), ("", None)],
)
def test_container_id_is_that_of_the_mounted_files(mounts: str, expected: str | None) -> None:
    assert container_id(mounts) == expected
