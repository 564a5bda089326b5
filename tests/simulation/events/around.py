"""What happens to Traefik, Redis, Git, GitHub, the clock and the clients."""

from app.domain.required_checks import CheckOutcome
from app.domain.stack import Color
from tests.simulation.beginnings import CHECK
from tests.simulation.events.kinds import End, kind
from tests.simulation.host import Host


@kind
def route_refused(host: Host) -> End:
    """The route file cannot be written."""
    host.world.route.refuses = {None, *Color}
    return host.world.route.refuses.clear


@kind
def route_unreadable(host: Host) -> End:
    """The route file cannot be read, until it is replaced."""
    host.world.route.unreadable = True
    return lambda: setattr(host.world.route, "unreadable", False)


@kind
def route_slow(host: Host, *, each: float = 1.0) -> End:
    host.world.route.write_seconds = each
    return lambda: setattr(host.world.route, "write_seconds", 0.0)


@kind
def traefik_deaf(host: Host) -> End:
    """Traefik does not notice that the file changes, until it reads it again."""
    host.world.route.deaf = True
    return host.world.route.re_read


@kind
def traefik_down(host: Host) -> End:
    host.world.route.down = True
    return lambda: _traefik_is_back(host)


def _traefik_is_back(host: Host) -> None:
    host.world.route.down = False
    host.world.route.re_read()


@kind
def route_overwritten(host: Host, *, other: bool = False) -> None:
    """Another program removes the route file, or points it to the other color."""
    named = host.world.route.named
    host.seen.overwritten_at = host.seen.now
    host.world.route.overwrite(named.other if other and named else None)


@kind
def redis_away(host: Host) -> End:
    host.world.inbox.away = True
    return lambda: setattr(host.world.inbox, "away", False)


@kind
def redis_hangs(host: Host) -> End:
    host.world.inbox.hang()
    return host.world.inbox.go_on


@kind
def redis_lost(host: Host) -> None:
    """Redis loses everything, as without a disk: a release that the worker has not read yet is lost with it."""
    state = host.seen.state
    known = {r.rollout_id for r in state.accepted} | (set() if state.ledger_unread else host.seen.begun)
    for rollout in [r for r in host.seen.accepted if r not in known]:
        if all(entry.rollout_id != rollout for entry in host.world.publisher.entries):
            del host.seen.accepted[rollout]
    host.world.inbox.lose()
    host.queue.lose()
    host.world.publisher.shown = None


@kind
def git_refuses(host: Host) -> End:
    host.world.source.away = True
    return lambda: setattr(host.world.source, "away", False)


@kind
def git_hangs(host: Host) -> End:
    host.world.source.hang()
    return host.world.source.go_on


@kind
def github_away(host: Host, *, carried_out: bool = False) -> End:
    host.github.away, host.github.carried_out = True, carried_out
    return lambda: setattr(host.github, "away", False)


@kind
def check(host: Host, *, tag: str, result: str) -> None:
    """CI reports a result for the release's commit: the one that its tag points to."""
    sha = host.commit_of(tag)
    host.github.check(sha, CHECK, result)
    if host.github.checks[sha].checks[0].outcome is CheckOutcome.GREEN:
        host.seen.green.add(sha)


@kind
def clock_set(host: Host, *, ahead: float) -> None:
    """The time of day is set: `ahead` seconds, back if negative."""
    host.world.clock.set_ahead += ahead


@kind
def clients_fail(host: Host, *, share: float = 0.5) -> End:
    """A share of the clients of the idle color will get errors: its next release is bad in a way that no probe sees."""
    clients, served = host.world.clients, host.seen.served or Color.BLUE
    clients.rps, clients.failing = 20.0, {served.other: share}
    return clients.failing.clear
