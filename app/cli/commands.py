"""What the commands do that call the updater: each asks it, prints the answer, and returns the exit code."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from app.api.model import ResponseModel
from app.api.responses import Approved, Cancelling, Notified, Paused, Resumed
from app.cli.api.access import access
from app.cli.api.client import ApiClient
from app.cli.api.log_stream import print_log
from app.cli.errors import CannotReach, Exit, NotAllowed, WrongUse
from app.cli.following.follow import ask_and_follow, watch
from app.cli.following.rollback import roll_back, show_rollback_plan
from app.cli.report import write
from app.cli.views.doctor import doctor_lines, failed, local_checks
from app.cli.views.plan import plan_lines
from app.cli.views.show import console, show_history, show_ignored, show_rows, status_rows
from app.cli.views.text import document, plain
from app.domain.findings import Check


class Commands:
    """The commands, with one connection to the updater. With `as_json`, standard output has only JSON."""

    def __init__(self, updater: ApiClient, *, as_json: bool) -> None:
        self._updater = updater
        self._as_json = as_json

    async def status(self, *, watching: bool, ignored: bool) -> Exit:
        if watching:
            return await watch(self._updater, as_json=self._as_json)
        answer = await self._updater.status()
        if self._as_json:
            received = answer.as_received()
            write(document(received.get("ignored", []) if ignored else received))
        elif ignored:
            show_ignored(console(), answer.ignored)
        else:
            show_rows(console(), status_rows(answer))
        return Exit.DONE

    async def deploy(self, tag: str, *, force: bool, commit: str | None, wait: bool) -> Exit:
        body: dict[str, Any] = {
            "tag": tag,
            **({"commit": commit} if commit else {}),
            **({"force": True} if force else {}),
        }
        return await ask_and_follow(
            self._updater, "/update/apply", body, tag=tag, forced=force, wait=wait, as_json=self._as_json
        )

    async def rollback(self, sha: str | None, *, force: bool, current_env: bool, wait: bool) -> Exit:
        return await roll_back(
            self._updater, sha, force=force, current_env=current_env, wait=wait, as_json=self._as_json
        )

    async def pause(self, reason: str) -> Exit:
        answer = await self._updater.change(Paused, "/update/pause", {"reason": reason})
        return self._say(answer, "Paused. Releases are accepted and wait. A running rollout continues to its end.")

    async def unpause(self) -> Exit:
        answer = await self._updater.change(Resumed, "/update/unpause", {})
        return self._say(answer, "Rollouts may start again. The newest waiting release starts at once.")

    async def approve(self, tag: str, commit: str | None) -> Exit:
        body = {"tag": tag, **({"commit": commit} if commit else {})}
        answer = await self._updater.change(Approved, "/update/approve", body)
        held = answer.held_for
        then = held.text if held else "It starts at once; `updater status --watch` follows it."
        what = f" ({answer.commit[:12]})" if answer.commit else ""
        return self._say(answer, plain(f"{tag}{what} is approved. {then}"))

    async def cancel(self, rollout_id: str) -> Exit:
        answer = await self._updater.change(Cancelling, "/update/cancel", {"rollout_id": rollout_id})
        text = f"{plain(rollout_id)} is being cancelled. Its route did not move. `updater status` shows when it ends."
        return self._say(answer, text)

    async def history(self, limit: int) -> Exit:
        answer = await self._updater.history(limit)
        if self._as_json:
            write(document(answer.as_received()))
        else:
            show_history(console(), answer.entries)
        return Exit.DONE

    async def logs(self, rollout_id: str | None, *, follow: bool) -> Exit:
        return await print_log(self._updater, rollout_id, follow=follow, as_json=self._as_json)

    async def plan(self, tag: str | None) -> Exit:
        """The plan of the release `tag`, or that of a rollback."""
        if tag is None:
            return await show_rollback_plan(self._updater, as_json=self._as_json)
        answer = await self._updater.plan(tag)
        for line in [document(answer.as_received())] if self._as_json else plan_lines(answer):
            write(line)
        return Exit.DONE

    async def notify_test(self) -> Exit:
        answer = await self._updater.change(Notified, "/notify/test", {})
        text = (
            f"A message is being sent to {answer.targets} targets. "
            "If it does not arrive within a minute, check the worker's log and `updater doctor`."
        )
        return self._say(answer, text)

    def _say(self, answer: ResponseModel, sentence: str) -> Exit:
        if self._as_json:
            write(document(answer.as_received()))
        else:
            console().print(sentence, soft_wrap=True)
        return Exit.DONE


async def doctor(environ: Mapping[str, str], *, as_json: bool) -> Exit:
    """The updater's check-up. If the updater cannot be asked, checks what can be checked from here."""
    try:
        checks, ends = await _checks(environ), None
    except (CannotReach, NotAllowed, WrongUse) as why:
        checks, ends = local_checks(environ, why), why.exit_code
    for line in [document({"checks": [asdict(check) for check in checks]})] if as_json else doctor_lines(checks):
        write(line)
    return ends or (Exit.FAILED if failed(checks) else Exit.DONE)


async def _checks(environ: Mapping[str, str]) -> Sequence[Check]:
    async with ApiClient(access(environ)) as updater:
        return (await updater.doctor()).checks
