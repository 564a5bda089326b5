"""`bin/bench`: runs the benchmarks and prints one line per figure."""

import json
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

from deploy.bench import flip, gap, growth, health, idle, receiver, rollback, signature, start
from deploy.bench.dashboard import measure as dashboard
from deploy.bench.method.figures import Figure
from deploy.demo.docker.engine import Say, exit_on_sigterm

ROUNDS = 5


class Name(StrEnum):
    """The benchmarks, each in the file of its name."""

    RECEIVER = receiver.BENCH
    SIGNATURE = signature.BENCH
    FLIP = flip.BENCH
    HEALTH = health.BENCH
    ROLLBACK = rollback.BENCH
    GAP = gap.BENCH
    IDLE = idle.BENCH
    START = start.BENCH
    DASHBOARD = dashboard.BENCH
    GROWTH = growth.BENCH


MEASURES: dict[Name, Callable[[int, Say], Iterator[Figure]]] = {
    Name.RECEIVER: receiver.measure,
    Name.SIGNATURE: signature.measure,
    Name.FLIP: flip.measure,
    Name.HEALTH: health.measure,
    Name.ROLLBACK: rollback.measure,
    Name.GAP: gap.measure,
    Name.IDLE: idle.measure,
    Name.START: start.measure,
    Name.DASHBOARD: dashboard.measure,
    Name.GROWTH: growth.measure,
}


def tables(figures: list[Figure]) -> Iterator[Table]:
    """Formats the figures: one table for each reference of each benchmark."""
    for (name, reference), group in groupby(figures, key=lambda f: (f.bench, f.reference_name)):
        shown = Table(title=escape(f"{name} against {reference}"), title_justify="left", box=box.SIMPLE_HEAD)
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
    rounds: Annotated[int, typer.Option(min=1, max=100, help="How often each contender runs.")] = ROUNDS,
) -> None:
    """Measures the updater against named references, in turns in each round."""
    exit_on_sigterm()
    console, figures = Console(stderr=True), []
    with console.status("starting") as spinner:

        def say(text: str) -> None:
            spinner.update(escape(text))
            console.print(text, style="dim", highlight=False, markup=False, soft_wrap=True)

        for wanted in names or list(Name):
            for figure in MEASURES[wanted](rounds, say):
                figures.append(figure)
                if as_json:
                    print(json.dumps(asdict(figure)), flush=True)
    if not as_json:
        for shown in tables(figures):
            Console().print(shown)


if __name__ == "__main__":
    typer.run(bench)
