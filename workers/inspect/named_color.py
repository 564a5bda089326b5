"""What `doctor` says of the color in the route file."""

from collections.abc import Collection

from app.domain.errors import RouteNotConfirmed
from app.domain.findings import Check, Verdict
from app.domain.stack import Color
from workers.ports import Ports

NAME = "route_file"


async def route_file(ports: Ports) -> tuple[Collection[Color], Check]:
    """The colors that the route file may lead to, and whether it names what is live."""
    try:
        named = await ports.route.active()
    except RouteNotConfirmed as error:
        remedy = "Correct what the error names, such as the file's mode or the disk. Until then no color is stopped."
        return tuple(Color), Check(NAME, Verdict.FAILED, error.detail, remedy)
    return () if named is None else (named,), _names_what_is_live(ports, named)


def _names_what_is_live(ports: Ports, named: Color | None) -> Check:
    live = ports.journal.state.active_color
    if named is live:
        return Check(NAME, Verdict.OK, f"it names {named or 'no color'}")
    if live is None:
        return Check(NAME, Verdict.OK, f"it names {named or 'no color'}; no release is live yet")
    remedy = f"The next rollout begins from the color that it names. Find out what changed {ports.route.where}."
    found = f"it names {named or 'no color'}, but the active color is {live}"
    return Check(NAME, Verdict.FAILED, found, remedy)
