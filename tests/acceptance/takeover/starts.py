"""Starting points of a takeover: the states that the old sidecar can leave."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import httpx

from app.domain.stack import Color
from deploy.demo.clients import NO_TLS
from tests.acceptance.takeover.host import FIRST, OLD_UPDATER, PORTS, Host, colored
from tests.acceptance.takeover.old_stack import PAUSE_REASON, STATE_FILE, old_state

ANSWERED_SECONDS, POLL_SECONDS = 10.0, 0.05
LONGEST_REQUEST = 2.0
"""The load's longest request, in seconds: the old color must answer for this time."""

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
        host.type(f"sleep {LONGEST_REQUEST}; docker compose stop {' '.join(sorted(colored(start.active.other)))}")


def roll_out_as_the_sidecar(host: Host, to: Color) -> None:
    """Rolls out like the old sidecar: builds color `to`, moves the traffic to it, and stops the other color."""
    host.type(f"docker compose up --detach --no-deps --build {' '.join(sorted(colored(to)))}")
    _until_answered(_own_urls(host, to), to)
    host.clone.route_to(to)
    _until_answered(host.routes.values(), to)
    host.type(f"sleep {LONGEST_REQUEST}; docker compose stop {' '.join(sorted(colored(to.other)))}")


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


def _until_answered(urls: Iterable[str], color: Color) -> None:
    """Waits until each URL answers with `color` several times in a row. Raises TimeoutError after ANSWERED_SECONDS."""
    deadline = time.monotonic() + ANSWERED_SECONDS
    with httpx.Client(trust_env=False, verify=NO_TLS, timeout=5) as client:
        for url in urls:
            seen = 0
            while seen < IN_A_ROW:
                seen = seen + 1 if _color(client, url) == color else 0
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{url} does not answer with {color}")
                time.sleep(POLL_SECONDS)


def _color(client: httpx.Client, url: str) -> str | None:
    try:
        return str(client.get(f"{url}/version").json()["color"])
    except httpx.HTTPError:
        return None
