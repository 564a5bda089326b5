"""The operator's answers about what `init` cannot read: of Traefik, and which engine is to run the stack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from app.cli.errors import WrongUse
from app.domain.stack import EngineKind

NOTHING_IN, COPY, OPEN = "--nothing-in", "--copy", "--open"


@dataclass(frozen=True)
class Answers:
    """`nothing_in`: names, as the refusal prints them, of what has nothing of this stack.

    `copies`: a path in Traefik's container → what is there, on this machine. `opened`: names of routed services
    without a router, which every client of their entrypoint may reach. `registry`: where a swarm gets its images.
    """

    nothing_in: tuple[str, ...] = ()
    copies: Mapping[PurePosixPath, Path] = field(default_factory=dict)
    opened: tuple[str, ...] = ()
    engine: EngineKind = EngineKind.COMPOSE
    registry: str | None = None


NO_ANSWERS = Answers()


def answers(nothing_in: Sequence[str], copies: Sequence[str], opened: Sequence[str] = ()) -> Answers:
    """The answers of the command line, each copy as `PATH=COPY`. Raises WrongUse."""
    return Answers(tuple(nothing_in), dict(map(_copy, copies)), tuple(opened))


def engine_answers(given: Answers, engine: EngineKind, registry: str | None) -> Answers:
    """`given`, with the engine. Raises WrongUse if it and `registry` do not fit."""
    if engine is EngineKind.SWARM and registry is None:
        raise WrongUse("--engine swarm needs --registry.", "Name it as images begin: --registry registry/team.")
    if engine is EngineKind.COMPOSE and registry is not None:
        raise WrongUse("--registry is for --engine swarm.", "Leave it out, or add --engine swarm.")
    return replace(given, engine=engine, registry=registry)


def _copy(text: str) -> tuple[PurePosixPath, Path]:
    inside, _, here = text.partition("=")
    if not inside.startswith("/") or not here:
        raise WrongUse(
            f"{COPY} {text} is not PATH=COPY.",
            f"Write the path in Traefik's container, and that of the copy: {COPY} /dynamic/auth.yml=./auth.yml.",
        )
    if not Path(here).exists():
        raise WrongUse(f"{COPY} {text}: {here} does not exist.", "Name a file or directory of this machine.")
    return PurePosixPath(inside), Path(here).resolve()
