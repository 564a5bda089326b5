"""`bin/faults`: plays the rows of the fault table on real parts and prints one line for each."""

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from typing import Annotated

import typer

from deploy.demo.docker.engine import EngineUnavailable, docker_engine, exit_on_sigterm
from deploy.demo.docker.images import ensure_base, ensure_traefik
from tests.faults.rows import ROWS
from tests.faults.scenario import Row, silent
from tests.faults.slot import Orders
from tests.faults.slots import Played, Slots
from tests.faults.unprotected import PROTECTIONS, Seen, take_out


def faults(  # noqa: PLR0917 - what a command line takes
    wanted: Annotated[list[int] | None, typer.Argument(metavar="ROW…", help="Row numbers; default: all rows.")] = None,
    repeat: Annotated[int, typer.Option(min=1, help="1: a quick pass. N: every kill point, N-1 random times.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, max=8, help="Rows at once; rows that end the engine are extra.")] = 3,
    slow: Annotated[float, typer.Option(min=1, max=10, help="Seconds that the longest client requests take.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a row on standard output.")] = False,
    verbose: Annotated[bool, typer.Option(help="Print the updater's last log lines of a failed row.")] = False,
    unprotected: Annotated[bool, typer.Option(help="Remove each row's protection: the row must fail.")] = False,
) -> None:
    """Starts a sample stack, causes each fault under load, and reports what held."""
    exit_on_sigterm()
    unknown = set(wanted or []) - set(ROWS)
    if unknown:
        raise typer.BadParameter(f"no row {', '.join(map(str, sorted(unknown)))}; there are {sorted(ROWS)}")
    rows = [ROWS[number] for number in (wanted or sorted(ROWS))]
    try:
        with docker_engine(_say) as engine:
            ensure_base(engine.host, _say)
            ensure_traefik(engine.host, _say)
            if unprotected:
                taken_out = [p for p in PROTECTIONS if ROWS[p.row] in rows]
                passed = take_out(taken_out, engine.host, jobs, _print_seen)
            else:
                orders = Orders(host=engine.host, own=False, repeat=repeat, slow=slow)
                passed = _play(rows, orders, jobs, lambda played: _print_played(played, as_json, verbose))
    except EngineUnavailable as missing:
        print(f"The rows cannot run here. {missing}", file=sys.stderr)
        raise typer.Exit(2) from None
    raise typer.Exit(0 if passed else 1)


def _play(rows: Sequence[Row], orders: Orders, jobs: int, report: Callable[[Played], None]) -> bool:
    passed = True
    with Slots(rows, orders, jobs, on_progress=_say if orders.repeat > 1 else silent) as slots:
        for done in as_completed(slots.results.values()):
            report(done.result())
            passed = done.result().result.passed and passed
    return passed


def _print_seen(seen: Seen) -> None:
    print(seen.line(), flush=True)


def _print_played(played: Played, as_json: bool, verbose: bool) -> None:
    print(played.result.as_json() if as_json else played.result.line(), flush=True)
    if verbose and played.last_words:
        _say(played.last_words)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    typer.run(faults)
