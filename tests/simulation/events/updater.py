"""What happens to the updater's own services. Without them, nothing does."""

from tests.fakes.updater.container_process import RESTART_SECONDS
from tests.simulation.events.kinds import End, kind
from tests.simulation.host import Host
from tests.simulation.stacks import CHANGES


@kind
def stack_changes(host: Host, *, change: str) -> None:
    """An operator changes the stack file, and restarts every worker that runs."""
    for each in host.workers.values():
        if each.alive:
            each.kill(RESTART_SECONDS)
    host.world.restack(CHANGES[change](host.world.stack))
    host.seen.restacked()


@kind
def successor_dies(host: Host, *, restart: float = RESTART_SECONDS) -> None:
    """kill -9 of the successor; the engine starts it again."""
    if host.own is not None:
        host.own.successor.kill(restart)


@kind
def successor_hangs(host: Host) -> End:
    """SIGSTOP of the successor, and SIGCONT."""
    process = host.own.successor.process if host.own is not None else None
    if process is None:
        return lambda: None
    process.suspend()
    return lambda: process.resume() if process.alive else None


@kind
def image_arrives(host: Host) -> None:
    """An operator pushes the images that are missing."""
    if host.own is not None:
        host.own.machine.absent.clear()
