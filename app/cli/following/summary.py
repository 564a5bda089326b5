"""The summary of an ended rollout: what was live, what is live now, and how long it took."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.api.rollout import Result
from app.cli.following.progress import FollowedRollout
from app.cli.views.text import plain, release, seconds

Row = tuple[str, str]
Json = Mapping[str, Any]

_WORDS = {
    "success": "success",
    "failed": "failed",
    "rolled_back": "rolled back",
    "superseded": "superseded by a newer release",
    "cancelled": "cancelled",
    "withdrawn": "withdrawn on GitHub",
}


def summary(progress: FollowedRollout) -> list[Row]:
    """Named facts, the most important first."""
    result = progress.result or Result()
    return [
        ("result", _headline(progress, result)),
        ("live before", _before(progress, result)),
        ("live now", _after(progress, result)),
        *_figures(result),
        *_troubles(result),
        *([("page", plain(progress.page))] if progress.page else []),
        *([("trace", plain(result.trace_id))] if result.trace_id else []),
    ]


def step_rows(progress: FollowedRollout) -> list[tuple[str, float | None, str]]:
    """Each step: its name, its seconds (None: not ended), and its error (empty: none)."""
    errors = {s.name: s.error for s in progress.steps if s.error}
    evidence = progress.result.evidence if progress.result else {}
    if evidence:
        return [(plain(name), step.get("seconds"), plain(errors.get(name) or "")) for name, step in evidence.items()]
    return [(plain(s.name), s.seconds, plain(s.error or "")) for s in progress.steps]


def _headline(progress: FollowedRollout, result: Result) -> str:
    word = _WORDS.get(result.status, plain(result.status))
    took = f" in {seconds(result.duration_seconds)}" if result.duration_seconds else ""
    return f"{plain(progress.tag)} {word}{took}"


def _before(progress: FollowedRollout, result: Result) -> str:
    before = progress.before
    return release(before.tag if before else "", (before.sha if before else "") or result.previous_sha)


def _after(progress: FollowedRollout, result: Result) -> str:
    color = result.active_color
    on = f" on {plain(color)}" if color else ""
    new = release(progress.tag, result.new_sha) + on
    if result.succeeded:
        return new
    if result.status == "failed" and color and color == result.target_color:
        return f"{new}, healthy or not: it cannot be rolled back"
    back = "; traffic is back on it" if result.status == "rolled_back" else "; it stayed live"
    before = _before(progress, result)
    return before if before == "nothing" else before + on + back


def _figures(result: Result) -> Iterator[Row]:
    evidence = result.evidence
    if (flip := evidence.get("route_switch", {}).get("flip_ms")) is not None:
        yield "flip", f"{flip:g} ms from the rename until every route was confirmed"
    if (back := evidence.get("rollback_route", {}).get("rollback_ms")) is not None:
        yield "rollback", f"{back:g} ms until every route was back"
    for step, proof in evidence.items():
        if step.startswith("restart_"):
            yield plain(step.removeprefix("restart_")), _handover(proof)
        if step.startswith("follow_"):
            yield plain(step.removeprefix("follow_")), _replaced(proof)
    bake = evidence.get("bake", {})
    if "requests" in bake:
        slowest = f", slowest {bake['slowest_ms']:g} ms" if "slowest_ms" in bake else ""
        yield "bake", f"{bake['requests']:,} probes, {bake.get('errors', 0):,} errors{slowest}"
    if traffic := bake.get("traffic"):
        yield "clients", _clients(traffic)


def _clients(traffic: Json) -> str:
    """Requests to the new color and 5xx answers, until the end of the bake."""
    if unknown := traffic.get("unknown"):
        return plain(unknown)
    counts = [f"{plain(name)} {c['requests']:,} requests, {c['errors']:,} answered 5xx" for name, c in traffic.items()]
    return "; ".join(counts)


def _handover(proof: Json) -> str:
    if "skipped" in proof:
        return f"not restarted: {plain(proof['skipped'])}"
    gap = proof.get("gap_seconds")
    if gap is not None:
        return f"restarted, down for {gap:.2f} s"
    return "started" if "instance" in proof else "not handed over"


def _replaced(proof: Json) -> str:
    if "skipped" in proof:
        return f"not replaced: {plain(proof['skipped'])}"
    new, old = len(proof.get("instances") or ()), len(proof.get("stopped") or ())
    return f"{new} new started, then {old} old stopped" if old else f"{new} new started"


def _troubles(result: Result) -> Iterator[Row]:
    for warning in result.warnings:
        yield "warning", plain(warning)
    if result.error:
        yield "why", plain(result.error)
    if result.paused:
        yield "paused", plain(result.pause_reason or "")
        first = "" if result.succeeded else "fix it, then "
        yield "next", f"{first}`updater unpause`; releases are accepted and wait until then"
