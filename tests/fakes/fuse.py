"""Simulates kill -9 at a chosen moment."""


class Crash(BaseException):
    """The worker's process was killed. A BaseException, so that no code under test catches it."""


class Fuse:
    """Each effect burns one moment before it and one after it; when none is left, the worker is killed."""

    def __init__(self) -> None:
        self.burnt = 0
        self._length: int | None = None

    def light(self, moments: int) -> None:
        """Lets the worker live for that many more moments."""
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
