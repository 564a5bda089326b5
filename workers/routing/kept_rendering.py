"""The route file as it should be, for a watch that asks again and again: writing YAML is slow."""

from app.domain.stack import Color, Stack
from workers.routing import route_file


class KeptRendering:
    """Renders as `route_file.render`, and keeps the last text together with all that it depends on."""

    def __init__(self) -> None:
        self._last: tuple[tuple[Stack, Color, str, route_file.AllCopies], str] | None = None

    def of(self, stack: Stack, color: Color, rollout: str, copies: route_file.AllCopies) -> str:
        if self._last is None or self._last[0] != (stack, color, rollout, copies):
            text = route_file.render(stack, color, rollout, copies)
            self._last = (stack, color, rollout, copies), text
        return self._last[1]
