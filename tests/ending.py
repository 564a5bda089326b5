"""Makes SIGTERM end a test run as Ctrl-C does: pytest ends what the tests and their fixtures have started.

Without it, SIGTERM ends pytest at once, and every process that a test has started stays.
"""

import os
import signal
import threading

import pytest

from tests.supervision import descendants

REASON = "SIGTERM"

END_SECONDS = 100.0
"""After this time the process ends at once: a test may wait for something that never comes."""


class Ending:
    """A pytest plugin, in pytest's own process and in each of xdist's."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._over = False

    def pytest_sessionstart(self) -> None:
        _heed_interrupts()
        self._listen()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        self._listen()  # again: an event loop that ends takes its handlers away

    def _listen(self) -> None:
        signal.signal(signal.SIGTERM, lambda *_: self._leave())

    def _leave(self) -> None:
        """Once: nothing interrupts the fixtures that now end what they started."""
        if self._over:
            return
        self._over = True
        late = threading.Timer(END_SECONDS, os._exit, [pytest.ExitCode.INTERRUPTED])
        late.daemon = True
        late.start()
        if self._config.pluginmanager.has_plugin("dsession"):
            for worker in _in_own_group(descendants(os.getpid())):
                os.kill(worker, signal.SIGTERM)  # pytest goes on until all of xdist's processes have ended
        else:
            signal.raise_signal(signal.SIGINT)  # as Ctrl-C

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tells pytest's own process why this one of xdist's ends. Otherwise it would start another one in its place.

        https://pytest-xdist.readthedocs.io/en/stable/how-to.html#creating-one-log-file-for-each-worker (workeroutput)
        """
        output = getattr(session.config, "workeroutput", None)
        if self._over and output is not None:
            output.update(exitstatus=int(pytest.ExitCode.TESTS_FAILED), shouldstop=REASON)


def _heed_interrupts() -> None:
    """A shell that starts a command in the background has it ignore Ctrl-C, and so would the programs of the tests."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _in_own_group(processes: list[int]) -> list[int]:
    """xdist's processes among `processes`, and commands that end soon; what tests start has a group of its own."""
    own, found = os.getpgrp(), []
    for pid in processes:
        try:
            found += [pid] if os.getpgid(pid) == own else []
        except ProcessLookupError:
            continue
    return found
