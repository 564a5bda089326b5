"""One container in memory. What it is at a moment follows from when it was started and how its release behaves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tests.examples import NOW
from tests.fakes.engine.behaviour import CHECK_LIMIT, RETRIES, Behaviour
from workers.ports import Instance, Seen, Stamp

ROUNDING = 1e-6
"""Seconds. The sum of a moment and a duration is not exactly the moment that a sleep ends at."""


@dataclass(eq=False)
class Container:
    """`held`: a call stopped it, so a restart of the engine does not start it. `always`: the engine starts it anyway.

    `lost`: it ended with the engine; `restored`: the engine started it again. `files`: what the mounted files held when
    it was started. `cut_off`: someone has disconnected it from its network.
    """

    id: str
    service: str
    stamp: Stamp
    image: str
    behaviour: Behaviour
    created: datetime = NOW
    started_at: float | None = None
    exited: bool = False
    exits_at: float | None = None
    labelled: bool = True
    adopted: bool = False
    died: int = 0
    check_until: float = 0.0
    held: bool = False
    always: bool = False
    lost: bool = False
    restored: bool = False
    host: str | None = None
    cut_off: bool = False
    number: int = 1
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def color(self) -> str | None:
        """The color in the name of its service."""
        return self.service.partition("-")[2] or None

    def start(self, now: float) -> None:
        self.started_at, self.exited, self.exits_at = now, False, None
        self.check_until = 0.0
        self.held = self.lost = self.restored = False

    def hold(self, now: float) -> None:
        """From now on, the engine does not start it when it restarts if it has ended, or ends by a call."""
        self.always = False
        if not self.runs(now):
            self.lost = False

    def end(self) -> None:
        self.exited = True

    def settle(self, now: float) -> None:
        """Makes the end of a stop final, unless it was started again."""
        if self.exits_at is not None and now >= self.exits_at - ROUNDING:
            self.end()

    def state(self, now: float) -> str:
        if self.started_at is None:
            return "created"
        dies = None if self.behaviour.comes_back else self.behaviour.dies_after
        died = dies is not None and now >= self.started_at + dies
        ended = self.exits_at is not None and now >= self.exits_at
        return "exited" if self.exited or died or ended else "running"

    def runs(self, now: float) -> bool:
        return self.state(now) == "running"

    def restarts(self, now: float) -> int:
        return self.died + self._deaths(now)

    def _deaths(self, now: float) -> int:
        """How often it ended by itself and the engine restarted it."""
        behaviour, started = self.behaviour, self.started_at
        if not (behaviour.comes_back and behaviour.dies_after) or started is None:
            return 0
        return int((now - started) // behaviour.dies_after)

    def is_ready(self, at: float) -> bool:
        started = self.started_at
        if started is None:
            return False
        return at >= started + self._deaths(at) * (self.behaviour.dies_after or 0) + self.behaviour.ready_after

    def status(self, now: float) -> int:
        """The HTTP status of its answers; 0 if nothing listens."""
        if not self.runs(now):
            return 0
        return self._status(now) if self.is_ready(now) else 503

    def _status(self, at: float) -> int:
        fails = self.behaviour.fails_after
        return 500 if fails is not None and at >= (self.started_at or 0.0) + fails else self.behaviour.status

    def health(self, now: float) -> str | None:
        """The engine's verdict; None without a health check."""
        behaviour, started = self.behaviour, self.started_at
        if not behaviour.own_check or started is None:
            return None
        if not behaviour.own_interval:
            return self._verdict(now) if self.is_ready(now) else "starting"
        looks = (now - started) // behaviour.own_interval
        verdict = self._verdict(started + looks * behaviour.own_interval)
        return verdict if looks >= (1 if verdict == "healthy" else RETRIES) else "starting"

    def _verdict(self, at: float) -> str:
        return "healthy" if self.would_pass(at) else "unhealthy"

    def would_pass(self, at: float) -> bool:
        """Whether a run of its health check passes."""
        behaviour = self.behaviour
        works = behaviour.check_passes and behaviour.check_starts and behaviour.check_seconds <= CHECK_LIMIT
        return works and self._status(at) == 200 and self.is_ready(at)

    def instance(self, now: float) -> Instance:
        """What the engine reports about it."""
        state, labelled = self.state(now), self.labelled
        runs = state == "running"
        return Instance(
            id=self.id,
            service=self.service,
            state=state,
            health=self.health(now) if runs else None,
            restarts=self.restarts(now),
            exit_code=None if runs else 0,
            address=self.id if runs and not self.cut_off else None,
            addresses={"shop_default": self.id} if runs and not self.cut_off else {},
            image=self.image,
            rollout=self.stamp.rollout if labelled else None,
            release=self.stamp.release if labelled else None,
            sha=self.stamp.sha if labelled else None,
            names=(self.service,) if not self.cut_off else (self.host or self.id,),
            adopted=self.adopted,
            created=self.created,
            host=None if self.cut_off else self.host,
            labels={"updater.color": self.color} if labelled and not self.adopted and self.color else {},
            stop_grace=self.behaviour.stop_grace,
            silent=self.behaviour.silent if runs else (),
        )

    def seen(self, now: float) -> Seen:
        release = self.stamp.release
        return Seen(
            self.service,
            self.state(now),
            self.health(now),
            self.image,
            self.color,
            release,
            (),
            {},
            networks=("shop_default",),
            rollout=self.stamp.rollout if self.labelled else None,
        )
