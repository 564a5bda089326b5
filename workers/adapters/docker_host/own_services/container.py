"""Finds the container in which this process runs."""

import re
import socket
from pathlib import Path

from docker.models.containers import Container

from workers.adapters.docker_host.client import Docker, Missing
from workers.adapters.threads import in_file_thread

MOUNTS = Path("/proc/self/mountinfo")

_GIVEN = re.compile(r"/([0-9a-f]{64})/(hostname|hosts|resolv\.conf) /etc/(hostname|hosts|resolv\.conf) ")
"""Three files that the engine mounts into a container from its own directory, which has the container's id as name.
The fields are "root" and "mount point" of https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html"""


HOST = "host"
_OF_ANOTHER = "container:"


async def own_networks(docker: Docker, own: Container | None) -> frozenset[str] | None:
    """The networks in which `own`, this process's container, is; None if it reaches every network of the host.

    That is so outside containers, and with the host's network. A container may use the network of another one.
    https://docs.docker.com/engine/network/drivers/ Raises EngineFailed.
    """
    if own is None:
        return None
    mode = str(own.attrs["HostConfig"]["NetworkMode"])
    if mode == HOST:
        return None
    if mode.startswith(_OF_ANOTHER):
        other = await docker.call(lambda c: c.containers.get(mode.removeprefix(_OF_ANOTHER)))
        return await own_networks(docker, other)
    return frozenset(own.attrs["NetworkSettings"]["Networks"] or {})


async def own_container(docker: Docker) -> Container | None:
    """This process's own container; None if it runs in no container. Raises EngineFailed.

    The mounts name the container. If they do not, the hostname is used, which by default is the container's id. A
    container that is only *named* like this machine is skipped: its own hostname differs.
    https://docs.docker.com/engine/network/#hostname
    """
    given = container_id(await in_file_thread(_mounts))
    name = given or socket.gethostname()
    try:
        found = await docker.call(lambda c: c.containers.get(name))
    except Missing:
        return None
    return found if given or found.attrs["Config"]["Hostname"] == name else None


def container_id(mounts: str) -> str | None:
    """The id of the container that `mounts`, the text of /proc/self/mountinfo, belongs to; None if it does not say."""
    found = _GIVEN.search(mounts)
    return found[1] if found else None


def _mounts() -> str:
    try:
        return MOUNTS.read_text(errors="replace")
    except OSError:
        return ""
