"""`bin/faults`: each row of the table on real parts, one line each."""

import contextlib
import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from deploy.demo.engine import EngineUnavailable, docker_engine, exit_on_sigterm
from tests.faults.dockerd import own_dockerd
from tests.faults.houses import Houses
from tests.faults.rows import ROWS
from tests.faults.trial import Row
from tests.faults.verdict import Result


def faults(
    wanted: Annotated[list[int] | None, typer.Argument(metavar="ROW…", help="Rows by number; all without one.")] = None,
    repeat: Annotated[int, typer.Option(min=1, help="1: a quick pass. More: every kill point, N random ones.")] = 1,
    slow: Annotated[float, typer.Option(min=1, max=10, help="Seconds that the clients' longest requests take.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a row on standard output.")] = False,
    verbose: Annotated[bool, typer.Option(help="The updater's last words where something did not hold.")] = False,
) -> None:
    """Brings a sample stack up, does the fault to it under load, and says what held."""
    exit_on_sigterm()
    unknown = set(wanted or []) - set(ROWS)
    if unknown:
        raise typer.BadParameter(f"no row {', '.join(map(str, sorted(unknown)))}; there are {sorted(ROWS)}")
    chosen = [ROWS[number] for number in (wanted or sorted(ROWS))]
    try:
        play = Play(repeat, slow, as_json, verbose)
        results = [*_on(chosen, play, own=False), *_on(chosen, play, own=True)]
    except EngineUnavailable as missing:
        print(f"The rows cannot be shown here. {missing}", file=sys.stderr)
        raise typer.Exit(2) from None
    raise typer.Exit(0 if all(r.passed for r in results) else 1)


@dataclass(frozen=True)
class Play:
    """What a person asked for."""

    repeat: int
    slow: float
    as_json: bool
    verbose: bool


def _on(rows_: list[Row], play: Play, *, own: bool) -> list[Result]:
    mine, results = [r for r in rows_ if r.own_engine is own], []
    if not mine:
        return []
    with contextlib.ExitStack() as stack:
        engine, dockerd = (
            stack.enter_context(own_dockerd(_say)) if own else (stack.enter_context(docker_engine(_say)), None)
        )
        houses = stack.enter_context(Houses(engine, dockerd, slow_seconds=play.slow))
        for row in mine:
            result = houses.play(row, play.repeat)
            print(result.as_json() if play.as_json else result.line(), flush=True)
            if play.verbose and houses.last_words:
                _say(houses.last_words)
            results.append(result)
    return results


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    typer.run(faults)
