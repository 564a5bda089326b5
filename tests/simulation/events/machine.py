"""What happens to the workers, the engine and the disk."""

from app.domain.rollout import undone_rollout
from app.domain.stack import Color
from app.domain.state import State
from tests.fakes.disk import DAMAGED
from tests.fakes.updater.container_process import RESTART_SECONDS, ContainerProcess
from tests.simulation.events.kinds import End, kind
from tests.simulation.host import Host


@kind
def kill(host: Host, *, restart: float = RESTART_SECONDS) -> None:
    """kill -9 of the worker."""
    host.worker.kill(restart)


@kind
def terminate(host: Host) -> None:
    """SIGTERM of the worker."""
    host.worker.terminate()


@kind
def suspend(host: Host) -> End:
    """SIGSTOP of the worker, and SIGCONT."""
    process = host.running_process()
    if process is None:
        return lambda: None
    began = host.seen.now
    process.suspend()

    def end() -> None:
        if process.alive:
            host.seen.suspensions.append((began, host.seen.now))
            process.resume()

    return end


@kind
def second_worker(host: Host) -> End:
    """Another worker of the same stack is started."""
    worker = host.workers["w2"]
    worker.start()
    return lambda: worker.kill(None)


@kind
def engine_hangs(host: Host) -> End:
    host.socket.hang()
    return host.socket.go_on


@kind
def engine_refuses(host: Host) -> End:
    """The engine's socket refuses connections; the containers run on."""
    host.socket.refuses = True
    return lambda: setattr(host.socket, "refuses", False)


@kind
def answer_lost(host: Host) -> None:
    """The next request to the engine is carried out, but its answer is lost."""
    host.socket.answers_lost += 1


@kind
def engine_restarts(host: Host, *, workers: bool = False) -> End:
    """The engine ends with all containers, Traefik and maybe the updater's own among them, and starts them again."""
    ended = [container for container in host.containers() if container.alive] if workers else []
    for container in ended:
        container.kill(None)
    host.world.engine.go_down()
    host.socket.refuses = host.world.route.down = True
    return lambda: _engine_is_back(host, ended)


def _engine_is_back(host: Host, ended: list[ContainerProcess]) -> None:
    host.socket.refuses = host.world.route.down = False
    host.world.engine.come_up()
    host.world.route.re_read()
    for container in ended:
        container.come_back()


@kind
def live_dies(host: Host) -> None:
    """A container with traffic ends by itself; the engine restarts it."""
    color = host.seen.served or Color.BLUE
    host.world.engine.die(host.world.stack.routed[0].colors[color])


@kind
def bot_stopped(host: Host) -> None:
    """An operator stops each singleton, for example to run it elsewhere."""
    engine = host.world.engine
    for singleton in host.world.stack.singletons:
        for container in engine.containers(singleton.service):
            if container.runs(host.seen.now):
                container.end()
                container.held = True
                host.seen.stopped_by_hand.add(container.id)
                host.seen.hand_stops[singleton.service] = host.seen.now


@kind
def copy_stops(host: Host, *, number: int = 1) -> None:
    """One of several copies with traffic ends, and nothing but the updater starts it again."""
    color = host.seen.served or Color.BLUE
    for service in host.world.stack.routed:
        copies = [c for c in host.world.engine.containers(service.colors[color]) if c.runs(host.seen.now)]
        for copy in [c for c in copies if c.number == number and len(copies) > 1]:
            copy.end()


@kind
def service_starts(host: Host) -> None:
    """An operator starts what does not run of the color with the traffic."""
    engine, color = host.world.engine, host.seen.served or Color.BLUE
    for service in host.world.stack.routed:
        for container in engine.containers(service.colors[color]):
            if not container.runs(host.seen.now):
                container.start(host.seen.now)


@kind
def disk_full(host: Host) -> End:
    host.world.disk.full = True
    return lambda: setattr(host.world.disk, "full", False)


@kind
def disk_slow(host: Host, *, each: float = 1.0) -> End:
    """Each part of a write takes `each` seconds."""
    host.world.disk.seconds = each
    return lambda: setattr(host.world.disk, "seconds", 0.0)


@kind
def write_fails_late(host: Host) -> None:
    """The next write of the state file fails after the file has been replaced."""
    host.world.disk.fails_late = True


@kind
def state_damaged(host: Host, *, file: bool = True, previous: bool = False) -> None:
    """The power fails in a bad moment: the worker ends, and copies of the state file cannot be read."""
    disk = host.world.disk
    host.worker.kill()
    if file:
        _note_lost_call(host)
    disk.file = DAMAGED if file and disk.file is not None else disk.file
    disk.previous = DAMAGED if previous and disk.previous is not None else disk.previous
    _note_loss(host)


@kind
def state_removed(host: Host) -> None:
    """An operator removes the state file with its copy, and the worker ends."""
    host.worker.kill()
    host.world.disk.file = host.world.disk.previous = None
    _note_loss(host)


def _note_lost_call(host: Host) -> None:
    """A full disk had no room for the second copy of an accepted call: it is lost with the first one."""
    file, previous = host.world.disk.file, host.world.disk.previous
    if host.world.disk.full and isinstance(file, State) and isinstance(previous, State) and file.rollout:
        kept = previous.rollout.stopping if previous.rollout else None
        if file.rollout.stopping and not kept:
            host.seen.calls = [call for call in host.seen.calls if call.rollout != file.rollout.id]


def _note_loss(host: Host) -> None:
    if not any(isinstance(copy, State) for copy in (host.world.disk.file, host.world.disk.previous)):
        host.seen.happened["state file lost with its copy"] += 1
        host.seen.undone.add(undone_rollout(host.seen.route_id))
