"""`bin/bench`: runs the benchmarks and prints one line per figure."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from enum import StrEnum
from itertools import groupby
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deploy.bench import flip, gap, growth, health, idle, image, receiver, rollback, signature, start
from deploy.bench.dashboard import measure as dashboard
from deploy.bench.method.figures import Figure
from deploy.bench.rollout import measure as rollout
from deploy.demo.docker.engine import EngineUnavailable, Say, docker_engine, exit_on_sigterm

ROUNDS = 5
"""The fewest for the record: with less, a single slow round decides the median and the spread."""


class Name(StrEnum):
    """The benchmarks, each in the file of its name."""

    RECEIVER = receiver.BENCH
    SIGNATURE = signature.BENCH
    FLIP = flip.BENCH
    HEALTH = health.BENCH
    ROLLOUT = rollout.BENCH
    ROLLBACK = rollback.BENCH
    GAP = gap.BENCH
    IDLE = idle.BENCH
    START = start.BENCH
    DASHBOARD = dashboard.BENCH
    GROWTH = growth.BENCH
    IMAGE = image.BENCH


MEASURES: dict[Name, Callable[[int, Say], Iterator[Figure]]] = {
    Name.RECEIVER: receiver.measure,
    Name.SIGNATURE: signature.measure,
    Name.FLIP: flip.measure,
    Name.HEALTH: health.measure,
    Name.ROLLOUT: rollout.measure,
    Name.ROLLBACK: rollback.measure,
    Name.GAP: gap.measure,
    Name.IDLE: idle.measure,
    Name.START: start.measure,
    Name.DASHBOARD: dashboard.measure,
    Name.GROWTH: growth.measure,
    Name.IMAGE: image.measure,
}


def mark(rounds: int) -> str:
    """Says that the figures are not for the record; empty if they are."""
    return "" if rounds >= ROUNDS else f"not for the record: {rounds} of at least {ROUNDS} rounds"


def line(figure: Figure, rounds: int) -> str:
    """One figure as JSON. `for_the_record`: False with fewer than ROUNDS rounds."""
    return json.dumps({**asdict(figure), "for_the_record": not mark(rounds)})


def tables(figures: list[Figure], rounds: int = ROUNDS) -> Iterator[Table]:
    """Formats the figures: one table for each reference of each benchmark."""
    for (name, reference), group in groupby(figures, key=lambda f: (f.bench, f.reference_name)):
        title = f"{name} against {reference}" + (f" ({mark(rounds)})" if mark(rounds) else "")
        shown = Table(title=escape(title), title_justify="left", box=box.SIMPLE_HEAD)
        for column in ("figure", "unit"):
            shown.add_column(column)
        for column in ("ours", "reference", "ratio", "least", "most"):
            shown.add_column(column, justify="right")
        for f in group:
            numbers = (f.ours, f.reference, f.ratio, f.ratio_min, f.ratio_max)
            shown.add_row(f.figure, f.unit, *("–" if n is None else f"{n:g}" for n in numbers))
        yield shown


def bench(
    names: Annotated[list[Name] | None, typer.Argument(help="The benchmarks to run; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line per figure to standard output.")] = False,
    rounds: Annotated[
        int,
        typer.Option(min=1, max=100, help=f"How often each contender runs. Below {ROUNDS}: not for the record."),
    ] = ROUNDS,
    own_engine: Annotated[bool, typer.Option("--own-engine", help="Start a private Docker Engine (root).")] = False,
) -> None:
    """Measures the updater against named references, in turns in each round."""
    exit_on_sigterm()
    console, figures = Console(stderr=True), []
    with console.status("starting") as spinner:

        def say(text: str) -> None:
            spinner.update(escape(text))
            console.print(text, style="dim", highlight=False, markup=False, soft_wrap=True)

        if mark(rounds):
            say(mark(rounds))
        with _engine(say, own=own_engine):
            for wanted in names or list(Name):
                for figure in MEASURES[wanted](rounds, say):
                    figures.append(figure)
                    if as_json:
                        print(line(figure, rounds), flush=True)
    if not as_json:
        for shown in tables(figures, rounds):
            Console().print(shown)


@contextlib.contextmanager
def _engine(say: Say, *, own: bool) -> Iterator[None]:
    """Lets the benchmarks find a private engine, if `own`; else they use the one that answers, or are skipped."""
    if not own:
        yield
        return
    try:
        with docker_engine(say, own=True) as engine:
            os.environ["DOCKER_HOST"] = engine.host
            yield
    except EngineUnavailable as missing:
        raise typer.BadParameter(str(missing), param_hint="--own-engine") from None


if __name__ == "__main__":
    typer.run(bench)
