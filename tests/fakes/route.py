"""The route file in memory, and a Traefik that reads it."""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from app.domain.errors import RouteNotConfirmed
from app.domain.routing.probe_request import ProbeRequest, all_route_requests
from app.domain.stack import Color, RoutedService, Stack
from tests.fakes.clock import Blocking, FakeClock, in_thread
from tests.fakes.engine import FakeEngine
from tests.fakes.fuse import Fuse
from workers.adoption.strays import strays_in
from workers.ports import Answer
from workers.ports.route import Reached
from workers.routing import route_file

LATENCY = 0.01
"""Seconds that an HTTP answer takes."""

_TEXTS: dict[tuple[Color, str], tuple[Stack, str]] = {}
"""By color and rollout id, the last route file that was rendered for them, and for which stack."""


class FakeRoute:
    """The route file, and a Traefik that loads it `lag` seconds later; a flip to a color in `refuses` fails.

    `deaf`: Traefik does not notice changes. `down`: it does not answer. `write_seconds`: of one write of the file;
    `writes_until`: when the last one that was begun ends.
    `unreadable`: until the file is replaced, it cannot be read.
    `by_host` are files whose routers take the stack's requests, with the one name or address that they lead to.
    `flipping` is called with color and rollout before the updater replaces the file.
    """

    def __init__(self, stack: Stack, clock: FakeClock, fuse: Fuse, note: Callable[[str], None]) -> None:
        self._stack = self._first = stack
        self._stacks: dict[tuple[Color, str], Stack] = {}
        self._foreign: dict[str, str] = {}
        self.lag = 0.05
        self.deaf = False
        self.down = False
        self.write_seconds = 0.0
        self.writes_until = -math.inf
        self.beside: list[str] = []
        self.by_host: dict[str, str] = {}
        self.says: list[str] = []
        self.in_traefik: Mapping[str, Any] = {}
        self.points: Mapping[str, Mapping[str, Any]] = {}
        self.unreadable = False
        self.unreadable_api = False
        self._copies: dict[Color, Mapping[str, tuple[str, ...]]] = {}
        self.refuses: set[Color | None] = set()
        self.fence: Callable[[], None] = lambda: None
        self.flipping: Callable[[Color | None, str], object] = lambda *_: None
        self._clock, self._fuse, self._note = clock, fuse, note
        self._file: Color | None = None
        self.unfit_because: list[str] = []
        self._written = ""
        self._served: list[tuple[float, Color | None, str]] = []

    def restack(self, stack: Stack) -> None:
        """The operator changes the stack file. The routes stay as they are written."""
        self._stack = stack

    def routed(self, color: Color, rollout: str) -> tuple[RoutedService, ...]:
        """The services that have a route in the file of `color` and `rollout`, with their Compose services then."""
        return self._stacks.get((color, rollout), self._first).routed

    async def flip(
        self,
        color: Color,
        rollout: str,
        copies: Mapping[str, tuple[str, ...]] | None = None,
        *,
        stack: Stack | None = None,
    ) -> None:
        self._stacks[color, rollout] = stack or self._stack
        self._copies = {**self._copies, color: copies} if copies is not None else self._copies
        await in_thread(self._install, color, rollout)

    async def clear(self) -> None:
        await in_thread(self._install, None, "")

    @property
    def file(self) -> Path:
        return Path("/routes/dynamic/updater-routes.yml")

    @property
    def where(self) -> str:
        return str(self.file)

    async def unfit(self) -> list[str]:
        return self.unfit_because

    async def stands(self, color: Color, rollout: str | None, *, stack: Stack | None = None) -> bool:
        await asyncio.sleep(0)
        same = self.routed(color, self._written) == (stack or self._stack).routed
        stands = self._file is color and (rollout is None or (rollout == self._written and same))
        return stands and not self.unreadable

    async def strays(self, reached: Reached | None = None, *, stack: Stack | None = None) -> list[str]:
        """The files that take requests of the updater's routes."""
        known = await reached() if reached and self.by_host else {}
        by_host = [name for name, host in self.by_host.items() if host in known]
        return [*self.beside, *by_host, *self._foreign_strays(stack or self._stack)]

    def _foreign_strays(self, stack: Stack) -> list[str]:
        return strays_in(self._foreign, self.file.name, stack, {}).files if self._file and self._foreign else []

    async def set_aside(self, name: str) -> None:
        self._fuse.burn()
        self.fence()
        if self._foreign.pop(name, None) is None:
            self._forget(name)
        self._note(f"set aside {name}")
        self._fuse.burn()

    def _forget(self, name: str) -> None:
        if self.by_host.pop(name, None) is None:
            self.beside.remove(name)

    async def files(self) -> Mapping[str, str]:
        await asyncio.sleep(0)
        if self._file is None:
            return dict(self._foreign)
        stack = self._stacks.get((self._file, self._written), self._first)
        return {**self._foreign, self.file.name: _text(stack, self._file, self._written)}

    async def loaded(self) -> Mapping[str, Any]:
        if self.unreadable_api:
            raise RouteNotConfirmed("Traefik's API cannot be read (ConnectError)")
        return self.in_traefik

    async def entrypoints(self) -> Mapping[str, Mapping[str, Any]]:
        if self.unreadable_api:
            raise RouteNotConfirmed("Traefik's API cannot be read (ConnectError)")
        return self.points

    async def complaints(self) -> list[str]:
        return self.says

    async def restore(self, files: Mapping[str, str]) -> None:
        self.fence()
        has_own = route_file.is_own(files.get(self.file.name, ""), self._stack)
        self._foreign = {name: text for name, text in files.items() if not (has_own and name == self.file.name)}
        self._file = self._file if has_own else None
        self._note("restore the routes")
        if not has_own and (color := self.served()[0]):
            self._load(color, "")

    async def active(self) -> Color | None:
        await self._read()
        return self._file

    async def rollout(self) -> str | None:
        await self._read()
        return self._written if self._file else None

    async def copies(self, color: Color) -> Mapping[str, tuple[str, ...]]:
        await self._read()
        return self._copies.get(color, {}) if self._file else {}

    async def _read(self) -> None:
        await asyncio.sleep(0)
        if self.unreadable:
            raise RouteNotConfirmed("the route file cannot be read (EIO)")

    def names(self, service: str, color: Color) -> tuple[str, ...]:
        """The hosts of `service` in the file."""
        return self._copies.get(color, {}).get(service, ())

    def load(self, color: Color, rollout: str) -> None:
        """Traefik loads another content than the file's, for example an earlier one that it had not loaded yet."""
        self._served.append((self._clock.monotonic(), color, rollout))

    @property
    def named(self) -> Color | None:
        """The color that the file names."""
        return self._file

    def served(self) -> tuple[Color | None, str]:
        """The color that Traefik sends traffic to now, and the rollout id in its answers."""
        now = self._clock.monotonic()
        return next(((c, r) for at, c, r in reversed(self._served) if at <= now), (None, ""))

    def last_served(self, color: Color) -> float | None:
        """When Traefik last sent a request to `color`; None if never."""
        now = self._clock.monotonic()
        loads = [(at, c) for at, c, _ in self._served if at <= now]
        if not loads:
            return None
        ends = [*(at for at, _ in loads[1:]), now]
        return max((end for (_, c), end in zip(loads, ends, strict=True) if c is color), default=None)

    def re_read(self) -> None:
        """Traefik notices the file as it is, for example because it restarted."""
        self.deaf = False
        if self._file is not None or not self._foreign:
            self._load(self._file, self._written)

    def overwrite(self, color: Color | None, rollout: str = "by hand") -> None:
        """Another program changes the file, or removes it (None)."""
        self._write(color, rollout)

    def place(self, color: Color, rollout: str, copies: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """Sets the route that existed before the test began."""
        self._copies = {**self._copies, color: copies or {}}
        self._file, self._written = color, rollout
        self._served.append((self._clock.monotonic(), color, rollout))

    def place_foreign(self, color: Color, *, name: str = "updater-routes.yml", keep_own: bool = False) -> None:
        """Adds another program's file `name`: it routes to `color` and wins, and its answers carry no rollout id."""
        text = route_file.render(self._stack, color, "").replace("updater.", "old.")
        http = yaml.safe_load(text)["http"]
        for router in http["routers"].values():
            del router["middlewares"]
        for service in http["services"].values():
            del service["loadBalancer"]["serversTransport"]
        self._foreign[name] = yaml.safe_dump({"http": {key: http[key] for key in ("routers", "services")}})
        self._file = self._file if keep_own else None
        self._served.append((self._clock.monotonic(), color, ""))

    def _install(self, color: Color | None, rollout: str) -> Blocking[None]:
        self._fuse.burn()
        self.fence()
        if color in self.refuses:
            raise RouteNotConfirmed("the disk is full")
        self.writes_until = self._clock.monotonic() + self.write_seconds
        yield self.write_seconds
        self.fence()
        self.flipping(color, rollout)
        self._foreign.pop(self.file.name, None)
        self._write(color, rollout)
        self._note(f"route {color}")
        self._fuse.burn()

    def _write(self, color: Color | None, rollout: str) -> None:
        self._file, self._written, self.unreadable = color, rollout, False
        if not self.deaf:
            self._load(color, rollout)

    def _load(self, color: Color | None, rollout: str) -> None:
        self._served.append((self._clock.monotonic() + self.lag, color, rollout))


def _text(stack: Stack, color: Color, rollout: str) -> str:
    """The content of the route file. Rendering it takes longer than all else in a look, so equal stacks share it."""
    known, text = _TEXTS.get((color, rollout), (None, ""))
    if known != stack:
        text = route_file.render(stack, color, rollout)
        _TEXTS[color, rollout] = stack, text
    return text


class FakeProbe:
    """Answers like Traefik at a route's URL, and like the instance at its own address.

    Traefik cannot reach the Compose services in `unknown` by the names in the updater's route. A middleware asks
    clients of the routed services in `guarded` for a password.
    """

    def __init__(self, stack: Stack, clock: FakeClock, route: FakeRoute, engine: FakeEngine) -> None:
        self.unknown: set[str] = set()
        self.guarded: set[str] = set()
        self._stack, self._clock, self._route, self._engine = stack, clock, route, engine
        self._asked = Counter[str]()
        self._routed: dict[tuple[str, str | None], RoutedService] = {}
        self.restack(stack)

    def restack(self, stack: Stack) -> None:
        """Clients ask the routes of `stack` too from now on."""
        self._routed |= {(request.url, request.host): service for service, request in all_route_requests(stack)}

    async def ask(self, request: ProbeRequest) -> Answer:
        await self._clock.sleep(LATENCY)
        service = self._routed.get((request.url, request.host))
        if service is None:
            return _answer(request, self._engine.status_at(urlsplit(request.url).hostname or ""))
        if self._route.down:
            return _answer(request, 0)
        color, rollout = self._route.served()
        service = (
            next((s for s in self._route.routed(color, rollout) if s.name == service.name), None) if color else None
        )
        if color is None or service is None:
            return _answer(request, 404)
        if service.name in self.guarded:
            return _answer(request, 401, rollout)
        if rollout and service.colors[color] in self.unknown:
            return _answer(request, 502, rollout)
        return _answer(request, self._next(service, color, named=bool(rollout)), rollout)

    def _next(self, service: RoutedService, color: Color, *, named: bool) -> int:
        """The status of the copy whose turn it is, among those that can be connected to."""
        name = service.colors[color]
        hosts = (named and self._route.names(service.name, color)) or (name,)
        statuses = self._engine.statuses(name, hosts)
        self._asked[name] += 1
        return statuses[self._asked[name] % len(statuses)] if statuses else 502


def _answer(request: ProbeRequest, status: int, rollout: str | None = None) -> Answer:
    accepted = request.accepted | (request.routed if rollout else frozenset())
    return Answer(status, LATENCY, rollout, None if status else "no answer (ConnectError)", accepted)
