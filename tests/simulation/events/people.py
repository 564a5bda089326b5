"""What GitHub and operators do."""

from app.domain.withdrawal import DELETED
from tests.examples import sha_of
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
def withdraw(host: Host, tag: str, *, action: str = DELETED) -> None:
    """The author takes the release back, and GitHub sends the webhook."""
    host.callers.call("withdraw", tag=tag, action=action)


@kind
def withdrawn_unheard(host: Host, tag: str, *, action: str = DELETED) -> None:
    """The author takes the release back; its webhook is lost."""
    if withdrawal := host.callers.take_back(tag, action):
        host.seen.unheard.append(withdrawal)


@kind
def tag_moves(host: Host, tag: str) -> None:
    """The author moves the tag to another commit."""
    host.world.source.tags[tag] = host.github.commits[tag] = sha_of(f"{tag} moved")


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
