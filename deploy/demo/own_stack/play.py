"""Plays the user's stack: two releases and a rollback under load, and what came of it."""

import asyncio
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx
from rich.markup import escape
from rich.table import Table

from app.domain.stack import Stack
from deploy.demo.clients import Json
from deploy.demo.docker.engine import docker_engine
from deploy.demo.own_stack.home import OwnStack, own_stack
from deploy.demo.own_stack.place import Asked
from deploy.demo.own_stack.refusal import NotPlayable
from deploy.demo.own_stack.route_load import Report, RouteLoad, address_of, clients_of
from deploy.demo.show import Show, wait_for_ctrl_c
from deploy.demo.updated_stack import logs_of

RPS = 20.0
WARM_UP_REQUESTS = 20
WARM_UP_SECONDS = 180.0
GRACE_SECONDS = 120.0


@dataclass
class Played:
    """What happened: the final result of each rollout, None if there was none, and what the clients saw."""

    before: str
    after: str
    first: Json | None = None
    second: Json | None = None
    back: Json | None = None
    report: Report = field(default_factory=Report)
    tag_live: str | None = None

    @property
    def problems(self) -> list[str]:
        """Why it is not a success, in the updater's words first."""
        parts = ((self.before, self.first), (self.after, self.second), ("the rollback", self.back))
        for name, result in parts:
            if result is None:
                return [f"{name} did not go live."]
            if result["status"] != "success":
                return [f"{result['error'] or result['status']}", f"{name} did not go live ({result['status']})."]
        failed = self.report.failed
        return [f"{failed} of {self.report.requests} requests failed."] if failed else []


async def play(home: OwnStack, rps: float, show: Show) -> Played:
    """Brings the first release live, and the second one under load; then rolls back."""
    tags = home.given.tags
    result = Played(tags.before, tags.after)
    show.say(f"publishing {tags.before}: the first release")
    result.first = await _follow(home, tags.before, show)
    if result.first["status"] == "success":
        show.say(f"{tags.before} is live; clients start: GET to each route, {rps:g} a second")
        async with RouteLoad(home.stack, rps) as load:
            result.report = load.report
            await load.served(WARM_UP_REQUESTS, WARM_UP_SECONDS)
            show.say(f"publishing {tags.after}: a signed release event is posted")
            result.second = await _follow(home, tags.after, show, load)
            show.say(f"{tags.after} ended: {result.second['status']}")
            await load.served(WARM_UP_REQUESTS, WARM_UP_SECONDS)
            if result.second["status"] == "success":
                show.say(f"rolling back to {tags.before}, as `updater rollback` does")
                result.back = await _roll_back(home, show, load)
                await load.served(WARM_UP_REQUESTS, WARM_UP_SECONDS)
    current = (await home.get("/status"))["current"]
    result.tag_live = current["tag"] if current else None
    return result


async def _follow(home: OwnStack, tag: str, show: Show, load: RouteLoad | None = None) -> Json:
    show.seen.clear()
    accepted = await home.announce(tag)
    return await home.ended(accepted["rollout_id"], _limit(home.stack), lambda status: show.watch(tag, load, status))


async def _roll_back(home: OwnStack, show: Show, load: RouteLoad) -> Json:
    show.seen.clear()
    answer = await home.post("/update/rollback")
    body: Json = answer.json()
    if not answer.is_success:
        return {"status": "failed", "error": body.get("error") or answer.text, "evidence": {}}
    tag = home.given.tags.before
    return await home.ended(body["rollout_id"], _limit(home.stack), lambda status: show.watch(tag, load, status))


def _limit(stack: Stack) -> float:
    """How long one rollout may take, in seconds: every one of its limits, one after the other."""
    limits: list[float] = [*asdict(stack.times).values(), *(command.limit for command in stack.before_flip)]
    return sum(limits) + GRACE_SECONDS


def outcome_of(played: Played) -> Json:
    """What happened, for machines. `tag_live`: after the rollback."""
    return {
        "before": played.before,
        "after": played.after,
        "result": (played.second or played.first or {}).get("status"),
        "rollback": (played.back or {}).get("status"),
        "tag_live": played.tag_live,
        "requests": played.report.requests,
        "failed_requests": played.report.failed,
        "by_route": dict(played.report.by_route),
        "p99_ms": round(played.report.p99_ms, 1),
        "flip_ms": _evidence(played.second, "flip_ms"),
        "rollback_ms": _evidence(played.back, "flip_ms") or _evidence(played.second, "rollback_ms"),
        "duration_s": (played.second or {}).get("duration_seconds"),
        "warnings": _warnings(played),
        "problems": played.problems,
    }


def _evidence(result: Json | None, name: str) -> float | None:
    steps = ((result or {}).get("evidence") or {}).values()
    found: float | None = next((step[name] for step in steps if step.get(name) is not None), None)
    return found


def _warnings(played: Played) -> list[str]:
    results = [result for result in (played.first, played.second) if result]
    return list(dict.fromkeys(warning for result in results for warning in result.get("warnings") or ()))


def summary(show: Show, outcome: Json) -> None:
    """Prints what happened."""
    facts = Table.grid(padding=(0, 2))
    facts.add_row("release", f"{outcome['before']} was live, {outcome['after']} was published")
    facts.add_row("result", f"[bold]{outcome['result']}[/]")
    facts.add_row("rollback", f"{outcome['rollback'] or 'not tried'}: {outcome['tag_live'] or 'nothing'} is live now")
    facts.add_row("requests", f"{outcome['requests']:,}, each GET to one of {len(outcome['by_route'])} routes")
    facts.add_row("failed", f"[bold {'red' if outcome['failed_requests'] else 'green'}]{outcome['failed_requests']}[/]")
    facts.add_row("slowest of a hundred", f"{outcome['p99_ms']:.0f} ms (p99)")
    for name, key in (("flip", "flip_ms"), ("flip back", "rollback_ms")):
        if outcome[key] is not None:
            facts.add_row(name, f"{outcome[key]:.0f} ms until every route was confirmed")
    if outcome["duration_s"]:
        facts.add_row("duration", f"{outcome['duration_s']:.1f} s")
    for part in ("", facts, ""):
        show.print(part)
    for warning in outcome["warnings"]:
        show.print(f"warning: {warning}", markup=False)


def play_own(asked: Asked, rps: float | None, show: Show, *, as_json: bool, keep: bool, own_engine: bool) -> bool:
    """Plays the whole demo, and says how it went. Returns whether it went well. Raises EngineUnavailable."""
    with docker_engine(show.say, own=own_engine) as engine, _directory(show) as directory:
        try:
            with own_stack(asked, engine, directory, lambda text: show.say(escape(text))) as home:
                played = _played(home, rps or RPS, show)
                outcome = outcome_of(played)
                show.spinner.stop()
                _report(show, home, played, outcome)
                if keep:
                    _keep(home, show)
        except NotPlayable as refused:
            show.spinner.stop()
            show.console.print(f"[red]This stack cannot be played.[/] {escape(str(refused))}", highlight=False)
            outcome = {"result": "refused", "problems": [str(refused)]}
    if as_json:
        print(json.dumps(outcome))
    return not outcome["problems"]


@contextmanager
def _directory(show: Show) -> Iterator[Path]:
    """A temporary directory. Containers may leave files of root in it, which a user cannot remove."""
    with tempfile.TemporaryDirectory(prefix="zu-demo-", ignore_cleanup_errors=True) as name:
        yield Path(name)
    if Path(name).exists():
        show.print(f"Containers wrote files as root. Remove them: sudo rm -rf {name}", markup=False)


def _played(home: OwnStack, rps: float, show: Show) -> Played:
    try:
        return asyncio.run(play(home, rps, show))
    except (TimeoutError, RuntimeError, httpx.HTTPError) as error:
        words = str(error) or type(error).__name__
        raise NotPlayable(f"The updater did not finish: {words}. Its logs:\n{logs_of(home)}") from error


def _report(show: Show, home: OwnStack, played: Played, outcome: Json) -> None:
    if outcome["problems"]:
        show.print(f"[red]{escape(outcome['problems'][0])}[/]")
        for text in outcome["problems"][1:]:
            show.print(text, markup=False)
        for line in _log_of(home, played):
            show.print(f"  {line}", markup=False)
        show.print("Correct that, commit, tag the commit, and run this again. `--keep` leaves everything running.")
    summary(show, outcome)
    for text in played.report.failures:
        show.console.print(f"[red]{escape(text)}[/]", highlight=False)


LOG_LINES = 15


def _log_of(home: OwnStack, played: Played) -> list[str]:
    """The end of the failed rollout's own log."""
    failed = next((r for r in (played.first, played.second, played.back) if r and r["status"] != "success"), None)
    if failed is None or not failed.get("rollout_id"):
        return []
    files = sorted((home.directory / "data").rglob(f"{failed['rollout_id']}*.log"))
    return files[0].read_text(errors="replace").splitlines()[-LOG_LINES:] if files else []


def _keep(home: OwnStack, show: Show) -> None:
    show.console.print(f"\nStatus: {home.internal_url}/status with X-Updater-Secret: {home.secret}", highlight=False)
    for client in clients_of(home.stack):
        show.console.print(f"{client.route}: {address_of(client)}", highlight=False, markup=False)
    wait_for_ctrl_c(show)
