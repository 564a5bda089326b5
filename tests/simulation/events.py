"""What an event does. Each function is one kind; an event names it, with its options.

A fault that lasts returns what ends it. Of two faults of one kind at once, the later one counts.
"""

import inspect
from collections.abc import Callable

from app.domain.stack import Color
from tests.fakes.disk import DAMAGED
from tests.fakes.worker import RESTART_SECONDS, FakeWorker
from tests.simulation.host import Host
from tests.simulation.schedule import Event

End = Callable[[], object]

KINDS: dict[str, Callable[..., End | None]] = {}


def _kind(function: Callable[..., End | None]) -> Callable[..., End | None]:
    KINDS[function.__name__] = function
    return function


def do(host: Host, event: Event) -> End | None:
    """Makes the event happen. Returns what ends it, if it lasts. Raises ValueError if there is no such kind."""
    if event.does not in KINDS:
        raise ValueError(f"no event is called {event.does!r}")
    options = {name: value for name, value in event.options.items() if name != "seconds"}
    return KINDS[event.does](host, **options)


def lasts(kind: str) -> bool:
    """Whether events of that kind have an end."""
    return inspect.signature(KINDS[kind]).return_annotation is not None


# Releases


@_kind
def release(host: Host, tag: str) -> None:
    """GitHub publishes the release and sends its webhook."""
    host.callers.call("webhook", tag=tag)


@_kind
def missed(host: Host, tag: str) -> None:
    """GitHub publishes the release; its webhook is lost."""
    host.callers.publish(tag)


# Operators


@_kind
def apply(host: Host, tag: str, *, force: bool = False) -> None:
    host.callers.call("apply", tag=tag, force=force)


@_kind
def pause(host: Host) -> None:
    host.callers.call("pause", reason="by an operator")


@_kind
def unpause(host: Host) -> None:
    host.callers.call("unpause")


@_kind
def cancel(host: Host) -> None:
    host.callers.call("cancel")


@_kind
def approve(host: Host) -> None:
    host.callers.call("approve")


@_kind
def rollback(host: Host, *, force: bool = False) -> None:
    host.callers.call("rollback", force=force)


# Workers


@_kind
def kill(host: Host, *, restart: float = RESTART_SECONDS) -> None:
    """kill -9 of the worker."""
    host.worker.kill(restart)


@_kind
def terminate(host: Host) -> None:
    """SIGTERM of the worker."""
    host.worker.terminate()


@_kind
def suspend(host: Host) -> End:
    """SIGSTOP of the worker, and SIGCONT."""
    process = host.running_process()
    if process is None:
        return _nothing
    process.suspend()
    return lambda: process.resume() if process.alive else None


@_kind
def second_worker(host: Host) -> End:
    """Another worker of the same stack is started."""
    worker = host.workers["w2"]
    worker.start()
    return lambda: worker.kill(None)


# The engine


@_kind
def engine_hangs(host: Host) -> End:
    host.socket.hang()
    return host.socket.go_on


@_kind
def engine_refuses(host: Host) -> End:
    """The engine's socket refuses connections; the containers run on."""
    host.socket.refuses = True
    return lambda: setattr(host.socket, "refuses", False)


@_kind
def answer_lost(host: Host) -> None:
    """The next request to the engine is carried out, but its answer is lost."""
    host.socket.answers_lost += 1


@_kind
def engine_restarts(host: Host, *, workers: bool = False) -> End:
    """The engine ends with all containers, Traefik and maybe the workers among them, and starts them again."""
    ended = [worker for worker in host.workers.values() if worker.alive] if workers else []
    for worker in ended:
        worker.kill(None)
    host.world.engine.go_down()
    host.socket.refuses = host.world.route.down = True
    return lambda: _engine_is_back(host, ended)


def _engine_is_back(host: Host, ended: list[FakeWorker]) -> None:
    host.socket.refuses = host.world.route.down = False
    host.world.engine.come_up()
    host.world.route.re_read()
    for worker in ended:
        worker.start()


@_kind
def live_dies(host: Host) -> None:
    """A container with traffic ends by itself; the engine restarts it."""
    color = host.seen.served or Color.BLUE
    host.world.engine.die(host.world.stack.routed[0].colors[color])


# The route


@_kind
def route_refused(host: Host) -> End:
    """The route file cannot be written."""
    host.world.route.refuses = {None, *Color}
    return host.world.route.refuses.clear


@_kind
def route_slow(host: Host, *, each: float = 1.0) -> End:
    host.world.route.write_seconds = each
    return lambda: setattr(host.world.route, "write_seconds", 0.0)


@_kind
def traefik_deaf(host: Host) -> End:
    """Traefik does not notice that the file changes, until it reads it again."""
    host.world.route.deaf = True
    return host.world.route.re_read


@_kind
def traefik_down(host: Host) -> End:
    host.world.route.down = True
    return lambda: _traefik_is_back(host)


def _traefik_is_back(host: Host) -> None:
    host.world.route.down = False
    host.world.route.re_read()


@_kind
def route_overwritten(host: Host, *, other: bool = False) -> None:
    """Somebody removes the route file, or points it to the other color."""
    named = host.world.route.named
    host.world.route.overwrite(named.other if other and named else None)


# The disk


@_kind
def disk_full(host: Host) -> End:
    host.world.disk.full = True
    return lambda: setattr(host.world.disk, "full", False)


@_kind
def disk_slow(host: Host, *, each: float = 1.0) -> End:
    """Each part of a write takes `each` seconds."""
    host.world.disk.seconds = each
    return lambda: setattr(host.world.disk, "seconds", 0.0)


@_kind
def write_fails_late(host: Host) -> None:
    """The next write of the state file fails after the file has been replaced."""
    host.world.disk.fails_late = True


@_kind
def state_damaged(host: Host, *, file: bool = True, previous: bool = False) -> None:
    """The power fails in a bad moment: the worker ends, and copies of the state file cannot be read."""
    disk = host.world.disk
    host.worker.kill()
    disk.file = DAMAGED if file and disk.file is not None else disk.file
    disk.previous = DAMAGED if previous and disk.previous is not None else disk.previous


@_kind
def state_removed(host: Host) -> None:
    """Somebody removes the state file with its copy, and the worker ends."""
    host.worker.kill()
    host.world.disk.file = host.world.disk.previous = None


# Redis, Git, GitHub, the clock


@_kind
def redis_away(host: Host) -> End:
    host.world.inbox.away = True
    return lambda: setattr(host.world.inbox, "away", False)


@_kind
def redis_hangs(host: Host) -> End:
    host.world.inbox.hang()
    return host.world.inbox.go_on


@_kind
def redis_lost(host: Host) -> None:
    """Redis loses everything, as without a disk: a release that the worker has not read yet is lost with it."""
    known = {r.rollout_id for r in host.seen.state.accepted} | host.seen.begun
    for rollout in [r for r in host.seen.accepted if r not in known]:
        if all(entry.rollout_id != rollout for entry in host.world.publisher.entries):
            del host.seen.accepted[rollout]
    host.world.inbox.lose()
    host.queue.lose()
    host.world.publisher.shown = None


@_kind
def git_refuses(host: Host) -> End:
    host.world.source.away = True
    return lambda: setattr(host.world.source, "away", False)


@_kind
def git_hangs(host: Host) -> End:
    host.world.source.hang()
    return host.world.source.go_on


@_kind
def github_away(host: Host, *, carried_out: bool = False) -> End:
    host.github.away, host.github.carried_out = True, carried_out
    return lambda: setattr(host.github, "away", False)


@_kind
def clock_set(host: Host, *, ahead: float) -> None:
    """The time of day is set: `ahead` seconds, back if negative."""
    host.world.clock.set_ahead += ahead


@_kind
def clients_fail(host: Host, *, share: float = 0.5) -> End:
    """A share of the clients of the idle color will get errors: its next release is bad in a way that no probe sees."""
    clients, served = host.world.clients, host.seen.served or Color.BLUE
    clients.rps, clients.failing = 20.0, {served.other: share}
    return clients.failing.clear


def _nothing() -> None:
    return
