"""What happens to the first of the two targets of messages, and to the file of the notice book."""

from tests.simulation.events.kinds import End, kind
from tests.simulation.host import Host


@kind
def target_refuses(host: Host) -> End:
    """The target answers with an error."""
    target = host.seen.notices.targets[0]
    target.refuses = True
    return lambda: setattr(target, "refuses", False)


@kind
def target_hangs(host: Host, *, unheard: bool = False) -> End:
    """The target does not answer. It has got the messages meanwhile, unless they are `unheard`."""
    target = host.seen.notices.targets[0]
    target.hangs, target.unheard = True, unheard
    return target.go_on


@kind
def notices_unwritable(host: Host) -> End:
    """The file of the notice book cannot be written."""
    host.seen.notices.disk.full = True
    return lambda: setattr(host.seen.notices.disk, "full", False)
