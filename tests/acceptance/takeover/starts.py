"""Starting points of a takeover: the states that the old sidecar can leave."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.domain.stack import Color
from deploy.demo.clients import plain_client
from tests.acceptance.takeover.host import FIRST, OLD_UPDATER, PORTS, Host, colored
from tests.acceptance.takeover.old_stack import PAUSE_REASON, STATE_FILE, old_state
from tests.integration.waiting import once_up, until

ANSWERED_SECONDS = 120.0
LONGEST_REQUEST = 2.0
"""The load's longest request, in seconds."""

DRAIN_SECONDS = 2 * LONGEST_REQUEST
"""How long the old color answers after the routes have moved: a busy machine delays the requests that it has."""

IN_A_ROW = 5


@dataclass(frozen=True)
class Start:
    """A state of the old stack.

    `state`: the text of the state file (None: no file). `active`: the serving color. `both_run`: the other color runs
    too. `pause`: a part of the reason of the updater's pause after the takeover ("": it is not paused). `reported`: a
    part of a line of the worker's log.
    """

    name: str
    state: str | None
    active: Color
    both_run: bool
    pause: str
    reported: str = ""

    @property
    def why(self) -> str:
        """The reason of the pause from which the client resumes: its own, if the takeover left none."""
        return self.pause or "the operator looks first"

    @property
    def untouched(self) -> set[str]:
        """The services that a takeover must not touch."""
        return colored(self.active) | {"zetherion-ai-bot", "traefik", "qdrant", "cloudflared"}


STARTS = (
    # Cut off in the middle of a line; both colors run, as after `docker compose up`.
    Start("damaged", old_state(FIRST, Color.BLUE)[:57], Color.BLUE, True, "could not be read", STATE_FILE),
    # The last rollout went to green, and the state file is missing.
    Start("absent", None, Color.GREEN, False, ""),
    # The last rollout failed on green, so the sidecar paused with the reason.
    Start("paused", old_state(FIRST, Color.BLUE, paused=True), Color.BLUE, False, PAUSE_REASON),
)


def prepare(host: Host, start: Start) -> None:
    """Brings the stack into the state of `start` without a failed request."""
    host.clone.write_secret()
    host.clone.write_state(start.state)
    both = " ".join(sorted(colored(Color.BLUE) | colored(Color.GREEN)))
    host.type(f"docker compose up --detach --no-deps {both}")
    _until_answered(_own_urls(host, start.active), start.active)
    host.clone.route_to(start.active)
    _until_answered(host.routes.values(), start.active)
    if not start.both_run:
        host.type(f"sleep {DRAIN_SECONDS}; docker compose stop {' '.join(sorted(colored(start.active.other)))}")


def roll_out_as_the_sidecar(host: Host, to: Color) -> None:
    """Rolls out like the old sidecar: builds color `to`, moves the traffic to it, and stops the other color."""
    host.type(f"docker compose up --detach --no-deps --build {' '.join(sorted(colored(to)))}")
    _until_answered(_own_urls(host, to), to)
    host.clone.route_to(to)
    _until_answered(host.routes.values(), to)
    host.type(f"sleep {DRAIN_SECONDS}; docker compose stop {' '.join(sorted(colored(to.other)))}")


def take_over(host: Host, start: Start) -> None:
    """Does steps 1 to 10 of the page and checks that the stack was not touched and its serving color was adopted."""
    prepare(host, start)
    before = host.instances(*start.untouched)
    host.take_over()
    assert set(before) == start.untouched
    assert host.instances(*start.untouched) == before
    assert OLD_UPDATER not in host.instances(), "`docker compose up` by hand started the old updater"
    status = host.status()
    live = {name: status["current"][name] for name in ("tag", "sha", "adopted")}
    assert live == {"tag": FIRST, "sha": host.clone.sha(FIRST), "adopted": True}
    assert status["active_color"] == start.active


def _own_urls(host: Host, color: Color) -> list[str]:
    """The own URLs of that color's containers."""
    addresses = {name: host.stack.address(f"zetherion-ai-{name}-{color}", host.network) for name in PORTS}
    return [f"http://{address}:{PORTS[name]}" for name, address in addresses.items()]


def _until_answered(urls: Collection[str], color: Color) -> None:
    """Waits until each URL answers with `color` several times in a row. Raises TimeoutError after ANSWERED_SECONDS."""
    asyncio.run(until(once_up(lambda: _answer([*urls], color)), ANSWERED_SECONDS))


async def _answer(urls: Sequence[str], color: Color) -> bool:
    async with plain_client(timeout=ANSWERED_SECONDS) as client:
        answers = [await client.get(f"{url}/version") for url in urls for _ in range(IN_A_ROW)]
    return all(answer.json().get("color") == color for answer in answers)
