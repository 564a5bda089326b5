"""What the dashboard shows of a shop with real releases: in Redis, as the worker writes it."""

from typing import Any

from arq.connections import ArqRedis

from app.api.rollout import Record, RecordedStep, Result
from app.api.status import Held, PublishedStatus, RolloutProgress, WithdrawnRelease
from app.api.traffic import TrafficSeries
from app.domain.acceptance.ignored import IgnoredRelease
from app.domain.findings import Alarm
from app.domain.stack import Color
from app.ledger import Ledger
from tests.browser.shop import ERROR, NEW, OLD, SHAS, USUAL, a_live, a_page, a_record, ago, steps, traffic
from tests.examples import a_history_entry


class Scene:
    """Puts one picture of the shop into the ledger of a page."""

    def __init__(self, ledger: Ledger, pool: ArqRedis) -> None:
        self._ledger = ledger
        self._pool = pool

    async def working(self) -> None:
        await self._pool.set(self._ledger.key("worker"), "1")

    async def history(self) -> None:
        """The worker runs, and 13 releases were decided."""
        if await self._ledger.history(1):
            return
        await self.working()
        rows: list[tuple[str, str, dict[str, Any]]] = [
            (f"v2.{minor}.0", "success", {"flip_ms": 38.0 + minor, "requests": 9_000 + minor, "failed_requests": 0})
            for minor in range(4, 13)
        ]
        rows += [
            ("v2.13.0", "rolled_back", {"error": ERROR, "flip_ms": 44.0, "requests": 1_904, "failed_requests": 212}),
            (
                "v2.13.1",
                "failed",
                {
                    "error": "web-green does not become healthy: /healthz answered 500, 60 s long.",
                    "duration_seconds": 71.0,
                },
            ),
            ("v2.13.2", "superseded", {"error": "v2.13.4 is newer", "duration_seconds": 0.0}),
            (OLD, "success", {"by": "session anna from 10.0.0.5", "trigger": "manual", "flip_ms": 39.4}),
        ]
        for number, (tag, result, more) in enumerate(rows):
            days = (len(rows) - number) * 2
            fields = {
                "duration_seconds": 96.0 + 37 * (number % 4),
                "gap_seconds": 0.6,
                "trigger": "webhook",
                "requests": 18_000,
            }
            fields |= {"failed_requests": 0, "sha": SHAS.get(tag), "timestamp": ago(days * 86_400)} | more
            entry = a_history_entry(f"r-{tag}", tag, result, **fields)
            ended = Result(rollout_id=entry.rollout_id, tag=tag, status=result, completed_at=entry.timestamp)
            await self._ledger.record_result(ended.as_json(), entry)
            if result == "success":
                record = a_record("success", begun=days * 86_400, rollout_id=f"r-{tag}", tag=tag)
                await self._ledger.publish_record({**record.as_json(), **ended.as_json(), "duration_seconds": 140})

    async def idle(self) -> None:
        await self.history()
        await self._ledger.publish_status(a_page().as_json())
        await self._ledger.publish_traffic(traffic(-1).as_json())

    async def baking(self) -> str:
        """v2.14.0 has had the traffic for 22 s."""
        await self.history()
        record = a_record("running", begun=104, until="bake", rollout_id="r-2b7d39c41f0a")
        progress = RolloutProgress(
            id=record.rollout_id,
            tag=NEW,
            status="running",
            step="bake",
            percent=82,
            started_at=record.started_at,
            eta_seconds=50.0,
            steps=tuple(USUAL),
        )
        page = a_page(state="updating", active_color=Color.GREEN, rollout=progress)
        return await self._rollout(record, page, traffic(27))

    async def ended(self) -> str:
        """v2.14.0 went live a few minutes ago."""
        await self.history()
        record = a_record("success", begun=420, completed_at=ago(260), trace_id="4bf92f3577b34da6a3ce929d0e0e4736")
        await self._end(record, error=None, failed=0)
        page = a_page(active_color=Color.GREEN, current=a_live(NEW, since=260), last_good_tag=NEW)
        return await self._rollout(record, page, traffic(1000))

    async def rolled_back(self) -> str:
        """v2.14.0 failed its clients, and rollouts are paused."""
        await self.history()
        bake = RecordedStep(
            name="bake",
            started_at=ago(300),
            seconds=9.4,
            error=ERROR,
            evidence={"traffic": {"api": {"requests": 1904, "errors": 212}}},
        )
        back = RecordedStep(
            name="rollback_route", started_at=ago(290), seconds=0.12, evidence={"rollback_ms": 36.0, "to": "blue"}
        )
        gone = steps("bake", begun=391)[:-1]
        ending: dict[str, Any] = {
            "completed_at": ago(280),
            "error": ERROR,
            "reason_code": "bake_failed",
            "steps": (*gone, bake, back),
        }
        record = a_record("rolled_back", begun=391, rollout_id="r-a2b7d39c41f0", **ending)
        await self._end(record, error=ERROR, failed=212)
        reason = f"{NEW} was rolled back: {ERROR}"
        alarm = Alarm(
            "route_drift",
            "Traefik's file names green, and blue should have the traffic. Clients get the old release. The worker "
            "writes the file again; if this stays, run `updater doctor`.",
        )
        page = a_page(paused=True, pause_reason=reason, alarms=(alarm,), last_attempted_tag=NEW)
        return await self._rollout(record, page, traffic(-1))

    async def waiting(self) -> None:
        """One release for each reason, an alarm, a withdrawn release and ignored ones."""
        await self.idle()
        moved = {"commit": SHAS[NEW], "moved_from": "7" * 40}
        text = (
            f"the tag of {NEW} moved from 777777777777 to {SHAS[NEW][:12]} while it waited. Traffic stays on the live "
            f"release. Compare the two commits. To let {SHAS[NEW][:12]} go live, run `updater approve {NEW}`, or use "
            "the button on the dashboard."
        )
        held = (
            Held(tag=NEW, rollout_id="r-1", reason="approval", text=text, **moved),
            Held(
                tag="v2.15.0-rc.1",
                rollout_id="r-2",
                reason="window",
                until=ago(-5 * 3600),
                text="v2.15.0-rc.1 is waiting for the next deploy window. It then starts automatically.",
                commit="b" * 40,
            ),
        )
        alarm = Alarm("disk_low", "Less disk is free than a rollout needs: 1.9 GB. Traffic is unchanged. Free disk.")
        gone = WithdrawnRelease(tag="v2.13.3", at=ago(90_000), reason="it was deleted on GitHub")
        page = a_page(
            held=(NEW, "v2.15.0-rc.1"), held_for=held, queued=("v2.14.1",), alarms=(alarm,), withdrawn=(gone,)
        )
        await self._ledger.publish_status(page.as_json())
        reason = 'its tag web-v1.0.0 does not match `tags: "v*"`. To accept it, write `tags: "*-v*"` in the stack file'
        ignored = IgnoredRelease(
            key="1:9",
            tag="web-v1.0.0",
            repository="octo/shop",
            action="published",
            cause="tag",
            reason=reason,
            at=ago(7_200),
            delivery="d-1",
        )
        await self._ledger.ignore(ignored)

    async def _end(self, record: Record, *, error: str | None, failed: int) -> None:
        ended = Result(
            rollout_id=record.rollout_id,
            tag=NEW,
            status=record.status,
            completed_at=record.completed_at,
            error=error,
            duration_seconds=111.0,
        )
        fields = {"duration_seconds": 111.0, "flip_ms": 41.7, "requests": 18_211, "failed_requests": failed}
        entry = a_history_entry(
            record.rollout_id,
            NEW,
            record.status,
            timestamp=record.completed_at,
            sha=SHAS[NEW],
            previous=OLD,
            gap_seconds=0.62,
            trigger="webhook",
            error=error,
            **fields,
        )
        await self._ledger.record_result(ended.as_json(), entry)

    async def _rollout(self, record: Record, page: PublishedStatus, series: TrafficSeries) -> str:
        lines = [
            f"{step.name}: {step.error or 'done in ' + format(step.seconds or 0, '.1f') + ' s'}"
            for step in record.steps
        ]
        await self._ledger.append_log(record.rollout_id, ["v2.14.0 begins on green", *lines])
        await self._ledger.publish_record(record.as_json())
        await self._ledger.publish_traffic(series.as_json())
        await self._ledger.publish_status(page.as_json())
        return record.rollout_id
