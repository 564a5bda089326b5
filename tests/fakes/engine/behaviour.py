"""How the instances of a service behave in one release."""

from dataclasses import dataclass

CHECK_LIMIT = 30.0
"""The limit of a health check, in seconds."""

RETRIES = 3
"""Failures in a row after which the engine reports an instance as unhealthy."""


@dataclass(frozen=True)
class Behaviour:
    """Times are in seconds after the start of an instance.

    `image`: two releases with the same name share an image. A build takes `build_seconds`, a stop `stop_seconds`, in
    which a start does nothing; `stop_grace` is what it has for that. A one-off command takes `run_seconds` and ends
    with `exit_code`.
    `dies_after`: an instance ends by itself. If it `comes_back`, the engine restarts it each time. `fails_after`: it
    runs on and answers 500.
    `own_check`: whether the instances have their own health check. A run of it takes `check_seconds`, at most
    CHECK_LIMIT, and passes while they are ready and their status is 200. It never passes if `check_passes` is False,
    and cannot run if `check_starts` is False. The engine runs it every `own_interval` seconds, first after one
    interval, and reports them as unhealthy from the third failure on; 0: the engine's verdict is always current.
    `silent`: the machines on which the instances run do not answer, so no stop is heard.
    `copies`: how many containers the release runs of a color. `only`: the number of the one that behaves so; the others
    are good. 0: all do.
    """

    builds: bool = True
    build_seconds: float = 0.0
    starts: bool = True
    status: int = 200
    ready_after: float = 0.25
    dies_after: float | None = None
    fails_after: float | None = None
    comes_back: bool = False
    stops: bool = True
    silent: tuple[str, ...] = ()
    stop_seconds: float = 0.0
    stop_grace: float | None = None
    own_check: bool = True
    own_interval: float = 0.0
    check_seconds: float = 0.05
    check_starts: bool = True
    check_passes: bool = True
    run_seconds: float = 1.0
    exit_code: int = 0
    image: str | None = None
    copies: int = 1
    only: int = 0

    def of_copy(self, number: int) -> "Behaviour":
        """How that copy behaves."""
        if self.only in {0, number}:
            return self
        return Behaviour(image=self.image, copies=self.copies)
