"""Shows a running rollout: a live picture on a terminal, otherwise plain lines or JSON."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from app.api.rollout import NextAttempt
from app.cli.following.progress import FollowedRollout, Phase, StepSeen
from app.cli.views.text import document, instant, plain, seconds

BAR_WIDTH = 30
FRAMES_PER_SECOND = 8

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


class Display(Protocol):
    """Shows the progress of a rollout. `show` is called after each change."""

    def running(self) -> AbstractContextManager[Any]:
        """A context manager that is open while there is progress to show."""

    def show(self, progress: FollowedRollout) -> None: ...

    def say(self, text: str) -> None:
        """Shows a note about the following itself: a lost connection, a missing heartbeat."""


class PlainLines:
    """Prints one line per change, for logs, pipes and CI. `begun`: also when a step starts."""

    def __init__(self, console: Console, now: Clock = utc_now, *, begun: bool = True) -> None:
        self._begun = begun
        self._console = console
        self._now = now
        self._shown: dict[str, StepSeen | None] = {}
        self._phase: tuple[Phase, str] | None = None

    def running(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def show(self, progress: FollowedRollout) -> None:
        if self._phase != (progress.phase, progress.waits_for) and not progress.ended:
            self._phase = (progress.phase, progress.waits_for)
            self._line(progress, phase_text(progress))
        for step in progress.steps:
            over = step.seconds is not None or step.error is not None
            if self._shown.get(step.name) != step and (over or self._begun):
                self._shown[step.name] = step
                self._line(
                    progress, step_text(step, self._now()) + ("" if progress.ended else f"  {_percent(progress)}")
                )
        if self._begun and progress.step and progress.step not in self._shown:
            self._shown[progress.step] = None
            self._line(progress, f"{plain(progress.step)} …  {_percent(progress)}")

    def say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)

    def _line(self, progress: FollowedRollout, text: str) -> None:
        self.say(f"{progress.elapsed(self._now()):7.1f} s  {plain(progress.tag or progress.rollout_id)}  {text}")


class LivePicture:
    """Redraws the current step in place. Completed steps stay above it."""

    def __init__(self, console: Console, now: Clock = utc_now) -> None:
        self._lines = PlainLines(console, now, begun=False)
        self._spinner = Spinner("dots")
        self._now = now
        self._progress = FollowedRollout("")
        self._live = Live(
            console=console, get_renderable=self._picture, refresh_per_second=FRAMES_PER_SECOND, transient=True
        )

    def running(self) -> AbstractContextManager[Any]:
        return self._live

    def show(self, progress: FollowedRollout) -> None:
        self._progress = progress
        self._lines.show(progress)

    def say(self, text: str) -> None:
        self._lines.say(text)

    def _picture(self) -> RenderableType:
        return picture(self._progress, self._progress.elapsed(self._now()), self._spinner)


class JsonLines:
    """Writes one JSON object per line for each change. The caller writes the final result last."""

    def __init__(self, write: Callable[[str], None], now: Clock = utc_now) -> None:
        self._write = write
        self._now = now
        self._last: dict[str, Any] = {}

    def running(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def show(self, progress: FollowedRollout) -> None:
        seen = {
            "rollout_id": progress.rollout_id,
            "tag": progress.tag,
            "phase": progress.phase,
            "step": progress.step or None,
            "percent": progress.percent,
            "eta_seconds": progress.eta_seconds,
            "last_line": progress.last_line,
        }
        if seen != self._last and not progress.ended:
            self._last = seen
            self._write(document({**seen, "elapsed_seconds": round(progress.elapsed(self._now()), 1)}))

    def say(self, text: str) -> None:
        self._write(document({"note": text}))


def picture(progress: FollowedRollout, elapsed: float, spinner: RenderableType = "") -> RenderableType:
    """A row with spinner, tag, step, bar, percent, time left and elapsed time; below it the log's last line."""
    head = Table.grid(padding=(0, 1))
    what = plain(progress.step) if progress.phase is Phase.RUNNING and progress.step else phase_text(progress)
    bar = ProgressBar(total=100, completed=progress.percent, width=BAR_WIDTH)
    times = f"{_percent(progress)}  {seconds(elapsed)}"
    head.add_row(spinner, Text(plain(progress.tag), style="bold"), Text(what), bar, Text(times))
    line = Text(f"  {progress.last_line}", style="dim", no_wrap=True, overflow="ellipsis")
    return Group(head, line)


def phase_text(progress: FollowedRollout) -> str:
    """For example `queued: waiting for v1.1.0 to end`."""
    if progress.phase is Phase.QUEUED and progress.waits_for:
        return f"queued: waiting for {plain(progress.waits_for)}"
    if progress.phase is Phase.HELD:
        return f"held: {plain(progress.waits_for)}"
    if progress.phase is Phase.ROLLING_BACK:
        return f"rolling back{f': {plain(progress.step)}' if progress.step else ''}"
    return str(progress.phase)


def step_text(step: StepSeen, now: datetime) -> str:
    if step.error is not None:
        return f"{plain(step.name)} failed: {plain(step.error)}"
    if step.seconds is not None:
        return f"{plain(step.name)} done in {seconds(step.seconds)}"
    return f"{plain(step.name)}: {retry_text(step.retry, now)}" if step.retry else f"{plain(step.name)} …"


def retry_text(retry: NextAttempt, now: datetime) -> str:
    """For example `retrying, attempt 3, next in 40 s: Git failed`."""
    at = instant(retry.at)
    wait = f", next in {seconds((at - now).total_seconds())}" if at and at > now else ""
    return f"retrying, attempt {retry.attempt}{wait}: {plain(retry.error)}"


def percent_text(percent: int, eta_seconds: float | None) -> str:
    """For example `40 %, 20 s left`."""
    left = f", {seconds(eta_seconds)} left" if eta_seconds is not None else ""
    return f"{percent} %{left}"


def _percent(progress: FollowedRollout) -> str:
    return percent_text(progress.percent, progress.eta_seconds)
