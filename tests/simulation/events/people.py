"""What GitHub and operators do."""

from tests.simulation.events.kinds import kind
from tests.simulation.host import Host


@kind
def release(host: Host, tag: str) -> None:
    """GitHub publishes the release and sends its webhook."""
    host.callers.call("webhook", tag=tag)


@kind
def missed(host: Host, tag: str) -> None:
    """GitHub publishes the release; its webhook is lost."""
    host.callers.publish(tag)


@kind
def apply(host: Host, tag: str, *, force: bool = False) -> None:
    host.callers.call("apply", tag=tag, force=force)


@kind
def pause(host: Host) -> None:
    host.callers.call("pause", reason="by an operator")


@kind
def unpause(host: Host) -> None:
    host.callers.call("unpause")


@kind
def cancel(host: Host) -> None:
    host.callers.call("cancel")


@kind
def approve(host: Host) -> None:
    host.callers.call("approve")


@kind
def rollback(host: Host, *, force: bool = False) -> None:
    host.callers.call("rollback", force=force)
