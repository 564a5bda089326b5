"""Provides a Docker Engine: the one that answers, else a private one that leaves nothing behind."""

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass

from deploy.demo.distribution.packages import EngineUnavailable, Say, apt_install, run_apt, which
from deploy.demo.docker.dockerd import answers, connected, install, own_dockerd
from deploy.demo.processes import ROOT

__all__ = [
    "OWN_ENGINE",
    "Engine",
    "EngineUnavailable",
    "Say",
    "answering",
    "apt_install",
    "connected",
    "docker_engine",
    "exit_on_sigterm",
    "run_apt",
    "which",
]

HOME = ROOT / ".cache" / "engine"
OWN_ENGINE = "UPDATER_TEST_OWN_ENGINE"
"""If set in the environment, a private engine is started even if another one answers."""


@dataclass(frozen=True)
class Engine:
    """An engine. `host`: as in DOCKER_HOST. `owned`: it was started here and ends with the `with` block."""

    host: str
    owned: bool


def exit_on_sigterm() -> None:
    """Makes SIGTERM unwind the stack as Ctrl-C does, so that everything that was started is ended."""

    def leave(number: int, _: object) -> None:
        signal.signal(number, lambda *_: None)  # a second one would interrupt that
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)


@contextlib.contextmanager
def docker_engine(say: Say, *, own: bool = False) -> Iterator[Engine]:
    """Provides the engine that answers, else a private one. Raises EngineUnavailable."""
    own = own or bool(os.environ.get(OWN_ENGINE))
    if not own and (host := answering()):
        yield Engine(host, owned=False)
        return
    if os.geteuid() != 0:
        raise EngineUnavailable(
            "No Docker Engine answers, and starting one needs root. "
            "Install and start Docker (Debian: sudo apt-get install docker.io), or set DOCKER_HOST, and run this again."
        )
    install(say)
    if not own and (host := answering()):
        yield Engine(host, owned=False)
        return
    with own_dockerd(HOME, say) as daemon:
        yield Engine(daemon.host, owned=True)


def answering() -> str | None:
    """Returns the address of an engine that answers: DOCKER_HOST, else the default socket. None without one."""
    host = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    return host if answers(host) else None
