"""One module for each kind of fault; importing this package registers all rows."""

from tests.faults.rows import (
    bad_releases,
    canaries,
    clock,
    hostile,
    machine,
    neighbor,
    outside,
    redis_server,
    registry,
    route,
    state_file,
    worker,
)
from tests.faults.scenario import ROWS

__all__ = [
    "ROWS",
    "bad_releases",
    "canaries",
    "clock",
    "hostile",
    "machine",
    "neighbor",
    "outside",
    "redis_server",
    "registry",
    "route",
    "state_file",
    "worker",
]
