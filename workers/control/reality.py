"""What serves, if the journal does not know it: adopts a stack that another program put live, and reads the route."""

from app.domain.errors import AdoptionRefused, RouteNotConfirmed
from app.domain.notices import messages
from app.domain.release import LiveRelease
from app.domain.stack import Color, Stack
from workers.adoption import drift
from workers.adoption.adopt import adopt
from workers.ports import Ports


class Reality:
    """What serves, compared with the journal. `refused`: why it could not be adopted; None if nothing was refused."""

    def __init__(self, stack: Stack, ports: Ports) -> None:
        self._stack = stack
        self._ports = ports
        self.refused: AdoptionRefused | None = None

    async def adopt(self) -> None:
        """Adopts what serves if it is not the updater's. If the adoption is refused, no release goes live."""
        state = self._ports.journal.state
        if state.rollout is not None or not (state.nothing_is_known_live or await self._moved()):
            return
        try:
            adopted = await adopt(self._stack, self._ports)
        except AdoptionRefused as refused:
            self.refused = refused
            await self.hold_back(messages.not_adopted(refused))
            return
        self.refused = None
        if adopted is None:
            await self._ports.journal.update(lambda s: s.routed_to(None, None))

    async def _moved(self) -> bool:
        stack = await drift.live_stack(self._stack, self._ports)
        try:
            return not await drift.routes_match(stack, self._ports) and await drift.moved(stack, self._ports)
        except RouteNotConfirmed:  # it is unclear; the drift watch reports it, and looks again
            return False

    async def hold_back(self, reason: str) -> None:
        """Pauses, because no known release serves. A pause for another reason keeps it: an alarm reports this one."""
        state = self._ports.journal.state
        paused = state.paused and not state.not_adopted
        unknown = await self._ports.journal.update(
            lambda s: s.routed_to(None, None) if paused else s.routed_to(None, None).pause(reason, not_adopted=True)
        )
        if unknown.pause_reason != state.pause_reason:
            self._ports.publisher.event("paused", reason=reason)
        self._ports.publisher.status(unknown)

    async def see_route(self) -> None:
        """Takes the route from its file if the journal does not know it: the color and the rollout id.

        This happens after a flip that could be neither confirmed nor undone: a rollout must never begin on the color
        that has the traffic. The preflight then asks Traefik whether it follows the file. A color that does not run the
        live release is not taken: another program wrote the file, and the drift watch leads the route back.
        """
        state = self._ports.journal.state
        if state.route_id is not None or state.nothing_is_known_live:
            return
        color, rollout = await self._ports.route.active(), await self._ports.route.rollout()
        if color is not None and (color is state.active_color or await self._runs_live(color, state.current)):
            await self._ports.journal.update(lambda s: s.routed_to(color, rollout))

    async def _runs_live(self, color: Color, live: LiveRelease | None) -> bool:
        stack = await drift.live_stack(self._stack, self._ports)
        found = [await self._ports.engine.find(s.colors[color]) for s in stack.routed]
        return live is not None and all(any(i.running and i.sha == live.sha for i in copies) for copies in found)
