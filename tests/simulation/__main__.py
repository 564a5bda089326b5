"""`bin/simulate`: plays the worker in virtual time under chance, and looks for what must not happen."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.simulation.campaign import Tally, campaign
from tests.simulation.draw import draw
from tests.simulation.planted import PLANTED, find
from tests.simulation.player import HORIZON, Played, Violation, play
from tests.simulation.schedule import Schedule
from tests.simulation.shrink import shrink

FOUND, CANNOT = 1, 2
PROGRESS_SECONDS = 60.0
"""How often a line shows the progress where the output is no terminal."""

SHOWN = 20
"""How many seeds with a violation are listed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 if everything held, FOUND if something did not, CANNOT if a schedule cannot be read."""
    options = _parser().parse_args(arguments)
    horizon = 60 * options.minutes
    if options.planted:
        first, last = options.seeds
        return find(options.planted, ["--seeds", f"{first}:{last}", "--jobs", str(options.jobs)])
    try:
        if options.replay:
            return _one(Schedule.from_json(options.replay.read_text()), horizon, trace=True, shrinks=options.shrink)
    except (OSError, ValueError, TypeError, KeyError) as error:
        _say(f"{options.replay} is not a schedule: {error}")
        return CANNOT
    if options.seed is not None:
        return _one(draw(options.seed), horizon, trace=options.trace, shrinks=options.shrink)
    first, last = options.seeds
    return _many(range(first, last), options.jobs, shrinks=options.shrink, stops=options.first)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bin/simulate", description=__doc__)
    parser.add_argument("--seeds", type=_range, default=(0, 3000), metavar="A:B", help="play the seeds from A to B-1")
    parser.add_argument("--seed", type=int, metavar="N", help="play one seed")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="play a schedule that was printed (JSON)")
    parser.add_argument("--trace", action="store_true", help="print what happened in the play of --seed")
    parser.add_argument(
        "--minutes", type=float, default=HORIZON / 60, metavar="M", help="minutes in which events happen"
    )
    parser.add_argument("--jobs", type=int, default=0, metavar="J", help="processes; default: one for each core")
    parser.add_argument("--no-shrink", dest="shrink", action="store_false", help="do not shrink what fails")
    parser.add_argument("--first", action="store_true", help="stop at the first violation")
    parser.add_argument("--planted", choices=PLANTED, metavar="NAME", help="put a known defect back, and find it")
    return parser


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition(":")
    return int(first), int(last)


def _one(schedule: Schedule, horizon: float, *, trace: bool, shrinks: bool) -> int:
    played = play(schedule, horizon=horizon)
    if trace:
        print("\n".join(played.trace.lines()))
    print(f"{played.schedule}\n{played.seconds:.0f} s of virtual time, trace {played.trace.digest()}")
    if played.violation is None:
        print("everything held")
        return 0
    _explain(played, played.violation, horizon, shrinks=shrinks)
    return FOUND


def _explain(played: Played, violation: Violation, horizon: float, *, shrinks: bool) -> None:
    print(f"\nVIOLATED  {violation}")
    if not shrinks:
        return

    def fails(schedule: Schedule) -> bool:
        again = play(schedule, horizon=horizon).violation
        return again is not None and again.invariant == violation.invariant

    small = shrink(played.schedule, fails)
    print(f"\nthe smallest schedule found that violates it:\n{small}\n{play(small, horizon=horizon).violation}")
    print(f"\nreplay it with bin/simulate --replay FILE:\n{small.as_json()}")


def _many(seeds: Sequence[int], jobs: int, *, shrinks: bool, stops: bool) -> int:
    began = shown = time.monotonic()
    tally, terminal = Tally(), sys.stderr.isatty()
    for part in campaign(seeds, jobs):
        tally.add(part)
        if terminal or time.monotonic() - shown > PROGRESS_SECONDS:
            shown = time.monotonic()
            begin, end = ("\r", "") if terminal else ("", "\n")
            _say(f"{begin}{tally.played} of {len(seeds)}, {len(tally.found)} violations ", end=end)
        if stops and tally.found:
            break
    _report(tally, time.monotonic() - began)
    if not tally.found:
        return 0
    first = min(tally.found)
    _explain(play(draw(first)), tally.found[first], HORIZON, shrinks=shrinks)
    return FOUND


def _report(tally: Tally, took: float) -> None:
    events, rollouts = tally.sum_of("event "), tally.counts["rollouts"]
    print(
        f"{tally.played:,} schedules in {took:.0f} s ({1000 * took / max(1, tally.played):.1f} ms each), "
        f"{tally.seconds / 3600:,.0f} h of virtual time: {rollouts:,} rollouts, {events:,} events, "
        f"{tally.sum_of('call '):,} calls, {tally.counts['effects']:,} effects, {len(tally.found)} violations"
    )
    for name, number in sorted(tally.counts.items()):
        if name != "effects":
            print(f"  {number:>9,} {name}")
    kinds: dict[str, list[int]] = {}
    for seed, violation in tally.found.items():
        kinds.setdefault(violation.invariant, []).append(seed)
    for invariant, found in sorted(kinds.items(), key=lambda kind: -len(kind[1])):
        print(f"VIOLATED {len(found)} times: {invariant}: seeds {' '.join(map(str, found[:SHOWN]))}")


def _say(text: str, end: str = "\n") -> None:
    print(text, file=sys.stderr, flush=True, end=end)


if __name__ == "__main__":
    sys.exit(main())
