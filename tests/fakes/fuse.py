"""kill -9 at a moment of one's choice."""


class Crash(BaseException):
    """The worker's process is gone: nothing may catch this and go on."""


class Fuse:
    """Every effect on the world burns a moment before it and one after it; when none is left, the worker is gone."""

    def __init__(self) -> None:
        self.burnt = 0
        self._length: int | None = None

    def light(self, moments: int) -> None:
        """The worker lives for that many moments from now."""
        self._length = self.burnt + moments

    def put_out(self) -> None:
        self._length = None

    @property
    def lit(self) -> bool:
        return self._length is not None

    def burn(self) -> None:
        if self._length is not None and self.burnt >= self._length:
            raise Crash
        self.burnt += 1
