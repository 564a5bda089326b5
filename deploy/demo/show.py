"""Displays a running demo, and records it as a picture."""

import io
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from rich.console import Console, RenderableType
from rich.status import Status
from rich.table import Table

from deploy.demo.clients import Json
from deploy.demo.environment import Environment
from deploy.demo.load import Report

RECORD_WIDTH = 100
BAR_WIDTH = 30
SIGNAL_SECONDS = 1.0
"""A signal that arrives just before a wait begins is handled after it: so the wait is short."""


class Count(Protocol):
    """How many requests were answered, and how many of them failed."""

    requests: int
    failed: int


class Clients(Protocol):
    """Clients that count what they saw."""

    @property
    def report(self) -> Count: ...


_FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Rich's template loads a font from a server; without it the viewer's own monospaced font is used."""


@dataclass
class Show:
    """The display on standard error: one line per step, and the current activity below."""

    console: Console
    spinner: Status
    record: Console
    started: float = field(default_factory=time.monotonic)
    seen: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.print(f"[dim]{time.monotonic() - self.started:6.1f} s[/]  {text}")
        self.spinner.update(text)

    def print(self, part: RenderableType, *, markup: bool = True) -> None:
        """Prints to the terminal and to the recording, which has no spinner."""
        for console in (self.console, self.record):
            console.print(part, highlight=False, markup=markup)

    def write_recording(self, path: Path, title: str) -> None:
        """Writes everything that was printed to an SVG file that loads nothing from elsewhere."""
        path.write_text(_FONT_FACE.sub("", self.record.export_svg(title=title)), encoding="utf-8")

    def watch(self, tag: str, load: Clients | None, status: Json) -> None:
        """Shows one status: updates the spinner, and prints a line for a new step."""
        rollout = status["rollout"]
        if rollout is None or rollout["tag"] != tag:
            return
        step = rollout["step"] or "…"
        served = f"{load.report.requests:,} requests, {load.report.failed} failed" if load else "no clients yet"
        self.spinner.update(f"{tag} · {step} · {rollout['percent']} % · {served}")
        if rollout["step"] and (not self.seen or self.seen[-1] != step):
            self.seen.append(step)
            self.say(f"{tag}  [bold]{step}[/]  [dim]{served}[/]")


@contextmanager
def shown() -> Iterator[Show]:
    """A display that ends with the block."""
    console = Console(stderr=True)
    with console.status("starting") as spinner:
        yield Show(console, spinner, Console(record=True, file=io.StringIO(), width=RECORD_WIDTH, force_terminal=True))


def summary(show: Show, published: str, home_status: Json, outcome: Json, report: Report) -> None:
    """Prints the summary. `published`: what was live, and what was published."""
    result = home_status["last_result"]
    facts = Table.grid(padding=(0, 2))
    facts.add_row("release", published)
    facts.add_row("result", f"[bold]{outcome['result']}[/]: {outcome['tag_live']} is live ({outcome['active_color']})")
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in report.by_kind.items())
    facts.add_row("requests", f"{report.requests:,} ({kinds})")
    facts.add_row("failed", f"[bold {'green' if not report.failed else 'red'}]{report.failed}[/]")
    facts.add_row("slowest of a hundred", f"{report.p99_ms:.0f} ms (p99 of GET and POST)")
    facts.add_row("websockets", f"{report.reconnects} closed with a close frame and reconnected at once")
    if outcome["flip_ms"] is not None:
        facts.add_row("flip", f"{outcome['flip_ms']:.0f} ms from the rename until every route was confirmed")
    if outcome["rollback_ms"] is not None:
        facts.add_row("rollback", f"{outcome['rollback_ms']:.0f} ms until every route was back")
    gap = f", {outcome['bot_gap_s']:.2f} s without one" if outcome["bot_gap_s"] is not None else ""
    facts.add_row("bots", f"never more than {outcome['max_bots']}{gap}")
    facts.add_row("at GitHub", " → ".join(outcome["deployment_states"]))
    facts.add_row("duration", f"{outcome['duration_s']:.1f} s")
    steps = Table.grid(padding=(0, 2))
    longest = max(step["seconds"] for step in result["evidence"].values())
    for name, step in result["evidence"].items():
        bar = "▇" * max(1, round(BAR_WIDTH * step["seconds"] / longest))
        steps.add_row("", name, f"{step['seconds']:6.2f} s", bar)
    for part in ("", facts, "", steps, ""):
        show.print(part)
    if outcome["paused"]:
        show.print(f"Paused. {home_status['pause_reason']}", markup=False)


def keep_running(home: Environment, show: Show) -> None:
    """Says where everything is, and waits for Ctrl-C."""
    show.console.print(f"\nStatus: {home.internal_url}/status with X-Updater-Secret: {home.secret}", highlight=False)
    for name, target in home.targets.items():
        asks = f" (send `Host: {target.host}`)" if target.host else ""
        show.console.print(f"{name}: {target.url}{asks}", highlight=False)
    wait_for_ctrl_c(show)


def wait_for_ctrl_c(show: Show) -> None:
    """Says so, and waits."""
    show.console.print("Ctrl-C ends everything.", highlight=False)
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(SIGNAL_SECONDS)
