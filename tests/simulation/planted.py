"""Defects that were found by chance once. `bin/simulate --planted NAME` puts one back, and must find it."""

import subprocess
import sys
from collections.abc import Mapping, Sequence

from tests.faults.unprotected import Edit, edited

FAKES = ("tests/fakes",)
"""The fakes do what the adapters do, so a defect of an adapter is put back in its fake."""

PLANTED: Mapping[str, Sequence[Edit]] = {
    "undo_gives_up": (
        Edit("pipeline.undo", "back or await _lead_back(run)", "back"),
        Edit("pipeline.undo", "state.routed_to(run.rollout.origin, None)", "state.routed_to(state.active_color, None)"),
    ),
    "undo_keeps_the_color": (
        Edit("pipeline.undo", "state.routed_to(run.rollout.origin, None)", "state.routed_to(state.active_color, None)"),
    ),
    "call_stops_the_undo": (Edit("Run.undoing", "self._settled, self._why = True, None", "self._why = None"),),
    "bot_still_stopping": (
        Edit(
            "singletons._brought_back",
            "await _stop_for_good(run, singleton, await run.ports.engine.inspect(old))",
            "pass",
        ),
    ),
    "follower_still_stopping": (Edit("steps.followers.restore", "await _stop_for_good(run, follower, old)", "pass"),),
    "old_followers_stay": (Edit("steps.followers._retire", "await _stop_for_good(run, follower, old)", "pass"),),
    "command_is_not_run": (
        Edit("before_flip.run_command", "if before is not None and before.completed:", "if before is not None:"),
    ),
    "rollback_in_memory": (Edit("Operator._turn_back", "await run.stopped_by(why)", "pass"),),
    "cancel_in_memory": (Edit("Operator.cancel", "await run.stopped_by(why)", "pass"),),
    "epoch_is_shared": (
        Edit(
            "FakeJournal._refuse",
            "if isinstance(current, State) and not any(current is own for own in self._own):",
            "if False:",
            FAKES,
        ),
    ),
    "images_of_one_color": (
        Edit(
            "FakeDefinitions.lacks",
            "if not {(s, sha), (_of_the_other_color(s), sha)} & self.images",
            "if (s, sha) not in self.images",
            FAKES,
        ),
    ),
    "decided_before": (Edit("Reconciler._begin", "self.policy.decide(state, now).go", "release"),),
    "write_without_its_end": (
        Edit(
            "threads.to_its_end",
            "return await _ended(in_file_thread(call, *args, **kwargs))",
            "return await in_file_thread(call, *args, **kwargs)",
        ),
    ),
    "recovery_hears_no_call": (
        Edit(
            "Reconciler._end_left_over",
            "async with self._current.of(left.release, left.sha) as run:",
            "async with contextlib.nullcontext("
            "Run(self._stack, self._ports, was_withdrawn=self._last_check.was_withdrawn)) as run:",
        ),
        Edit("Operator.roll_back", "if state.rollout is not None:", "if False:"),
        Edit("Operator.cancel", "if left is None or left.id != rollout_id:", "if run is None or left is None:"),
    ),
    "torn_file_stops_the_live_color": (
        Edit("lost_rollout._orphans", "{ports.journal.state.active_color, *await _led_to(stack, ports)}", "{None}"),
        Edit(
            "lost_rollout._orphans",
            "{answer.rollout for _, answer in await ask_routes(stack, ports.probe)}",
            "set()",
        ),
        Edit("_Protecting._serves", "color is not None and await self._route.active() is color", "False"),
    ),
    "file_is_believed": (
        Edit(
            "preflight._routes_stand", "behind = await _traefik_follows(run, all_answer=bool(runs))", "behind = False"
        ),
    ),
    "manual_release_is_lost": (
        Edit(
            "undecided.accept_undecided",
            "await ports.inbox.known(),",
            "[r for r in await ports.inbox.known() if r.trigger is not Trigger.MANUAL],",
        ),
    ),
    "interrupted_is_decided": (Edit("history.decided_keys", "if entry.key and not entry.undecided", "if entry.key"),),
    "unproven_goes_live": (
        Edit("found.look", "good[0] if len(running) == len(good) == 1 else None", "next(iter(running), None)"),
    ),
    "nudge_before_the_rebuild": (Edit("Jobs.nudge", "await self._reconciler.taken_over()", "pass"),),
    "torn_write_loses_the_bot": (
        Edit("singletons._retire", 'await run.record(lambda r: r.replacing(singleton.name, ""))', "pass"),
    ),
    "ended_bot_comes_back": (
        Edit("singletons.hand_over", "i for i in await found_of(run, singleton) if", "i for i in found if"),
        Edit(
            "singletons._retire",
            "for instance in sorted(others, key=lambda each: not each.gone):",
            "for instance in old:",
        ),
    ),
    "withdrawn_release_is_lost": (
        Edit(
            "FakeInbox.known",
            "[*self._known.values(), *self._taken_back.values()]",
            "list(self._known.values())",
            FAKES,
        ),
    ),
    "suspended_worker_asks_once": (Edit("withdrawn.raise_if_withdrawn", "range(QUESTIONS)", "range(1)"),),
    "lost_lease_is_not_seen": (
        Edit("FakeJournal.fence", "if not isinstance(self.disk.file, State) and self._taken():", "if False:", FAKES),
        Edit("FakeJournal._refuse", "if not isinstance(current, State) and self._taken():", "if False:", FAKES),
    ),
    "call_is_in_one_copy": (
        Edit("Run.stopped_by", "both=True", "both=False"),
        Edit("Operator._drop", "both=True", "both=False"),
    ),
    "undone_release_returns": (
        Edit("undecided.accept_undecided", "undone_rollout(await ports.route.rollout())", "None"),
    ),
    "call_at_a_failure_is_dropped": (
        Edit("Run.undoing", "stop_of(rollout.stopping) if rollout.stopping else why", "why"),
    ),
    "call_waits_for_its_step": (Edit("Run._limited", "self.raise_if_stopped()", "pass"),),
    "stopped_bot_is_started": (Edit("singletons.restore_singleton", 'if old == "":', "if not old:"),),
    "bot_is_given_up": (
        Edit(
            "outage.restored",
            "return await run.attempt(step) or run.ports.engine.times_away == before",
            "return await run.attempt(step) or bool(before + 1)",
        ),
    ),
    "unreadable_route_is_missing": (
        Edit("FakeRoute._read", "if self.unreadable:", "if False:", FAKES),
        Edit("FakeRoute.active", "return self._file", "return None if self.unreadable else self._file", FAKES),
        Edit("FakeRoute.rollout", "if self._file", "if self._file and not self.unreadable", FAKES),
        Edit("FakeRoute.copies", "if self._file", "if self._file and not self.unreadable", FAKES),
    ),
    "one_way_release_rolls_back": (Edit("pipeline.undo", "await routes.may_not_go_back(run)", "False"),),
    "one_way_release_needs_no_force": (
        Edit("Operator.roll_back", "await self._ports.engine.one_way(state.current.sha)", "False"),
    ),
    "forced_rollback_is_ignored": (
        Edit("routes.may_not_go_back", "if rollout.reason_code == OperatorRollback.code:", "if False:"),
    ),
    "renamed_bot_runs_twice": (
        Edit("subjects.services_of", "(uncolored.service, *before)", "(uncolored.service,)"),
        Edit("subjects.found_of", ", *await _kept_services(run, uncolored.name)", ""),
        Edit("subjects.found_of", ", *await run.ports.engine.named(uncolored.name)", ""),
    ),
    "kept_release_has_what_it_lacks": (
        Edit(
            "CurrentRun.of",
            "(brought_back if recalled else as_of)(self._stack, roles)",
            "self._stack",
        ),
    ),
    "older_release_has_todays_stack": (
        Edit(
            "CurrentRun._origin",
            "await drift.stack_of(self._stack, self._ports, before.sha) if before else self._stack",
            "self._stack",
        ),
    ),
    "orphan_is_not_drained": (
        Edit("lost_rollout._stop_orphans", "await ports.clock.sleep(stack.times.drain)", "pass"),
    ),
    "one_service_down_is_nothing": (
        Edit(
            "serving.serving_color",
            "if not up(stack, found):",
            "if not all(any(i.running for n in s.colors.values() for i in found.get(n, ())) for s in stack.routed):",
        ),
        Edit("adopt.look", "await _nothing_answers(stack, ports, routing)", "pass"),
        Edit("adopt.started_beside", "return sorted(", "return [] and sorted("),
    ),
    "cancel_reported_first": (
        Edit(
            "Operator._drop",
            "self._ports.publisher.status(await self._ports.journal.update(drop, both=True))",
            "drop(self._ports.journal.state); "
            "[self._ports.publisher.decided(r, Cancelled('before it began')) for r in found]; "
            "self._ports.publisher.status(await self._ports.journal.update(drop, both=True))",
        ),
    ),
    "rollout_in_a_succession": (
        Edit("Reconciler._look", "while self._again and not self._succeeds():", "while self._again:"),
    ),
    "succession_in_a_rollout": (Edit("Reconciler.quiet", "yield False", "yield True"),),
    "succession_begins_again": (
        Edit("Succession._is_wanted", "(last is None or last.rollout != live.rollout_id)", "True"),
    ),
    "new_web_stays": (Edit("Successor._go_back", "(self.updater.worker, self.updater.web)", "(self.updater.worker,)"),),
    "succession_ends_the_bot": (
        Edit(
            "Succession._begin",
            "await self._attend(attempt)",
            "[await self._ports.engine.stop(i.id, 1) for s in self._stack.singletons "
            "for i in await self._ports.engine.find(s.service)]; await self._attend(attempt)",
        ),
    ),
    "both_sides_end_each_other": (Edit("FakeOwn.claims", "return first is side", "return True", FAKES),),
    "stale_worker_acts": (Edit("FakeJournal.fence", "if self.epoch > self._state.epoch:", "if False:", FAKES),),
    "late_answer_is_ignored": (
        Edit("AppriseNotifier._send", "if trying is None or event != notice.id or not _accepted(trying):", "if True:"),
    ),
    "set_clock_drops_messages": (
        Edit(
            "AppriseNotifier._tried",
            "return now - self._since.get(waiting.notice.id, now)",
            "return (self._clock.now() - waiting.since).total_seconds()",
        ),
    ),
    "notices_before_the_lease": (
        Edit(
            "AppriseNotifier.__init__",
            "self._read: Book | None = None",
            "self._keep(kept.read().only_for(self._targets))",
        ),
    ),
    "one_thread_for_all_targets": (
        Edit("AppriseNotifier._send", "self._sending.get(target,", 'self._sending.get("",'),
        Edit("AppriseNotifier._send", "self._sending.pop(target, None)", 'self._sending.pop("", None)'),
        Edit(
            "AppriseNotifier._send",
            "self._sending[target] = notice.id, trying",
            'self._sending[""] = notice.id, trying',
        ),
    ),
    "rollout_waits_for_people": (
        Edit(
            "Reconciler._roll_out",
            "ended = await roll_out(run)",
            """ended = await roll_out(run)
            while self._ports.notifier and self._ports.notifier.counts()["waiting"]:
                await self._ports.clock.sleep(1)""",
        ),
    ),
    "withdrawal_is_not_read": (
        Edit("Intake.take_in", "taken_back = await self._ports.inbox.withdrawals()", "taken_back = []"),
        Edit("OnGitHub.ask", "if self._github is None or", "if self._github is not None or"),
    ),
    "withdrawn_rollout_goes_on": (
        Edit("Intake.take_in", "await self._stop_withdrawn()", "pass"),
        Edit("pipeline._prepare", "await raise_if_withdrawn(run)", "pass"),
    ),
    "unheard_withdrawal_is_not_found": (Edit("MissedReleases.check", "await self._find_withdrawn(published)", "pass"),),
    "approval_is_for_any_commit": (Edit("withdrawn.moved", "approved=False", "approved=release.approved"),),
    "unasked_checks_are_green": (
        Edit("Release.has_green_checks", "self.checks is not None and", "self.checks is None or"),
    ),
    "silent_github_is_green": (
        Edit(
            "RequiredChecksWatch._judged",
            'JudgedChecks(Standing.SILENT, f"{away}. The worker keeps asking.")',
            "JudgedChecks(Standing.GREEN, sha=release.commit)",
        ),
    ),
    "green_checks_are_not_noticed": (
        Edit("RequiredChecksWatch._record", "return checks.standing in {Standing.GREEN, Standing.RED}", "return False"),
        Edit("RequiredChecksWatch.look", "self._every * len(waiting)", "9999.0"),
    ),
    "notified_after_the_record": (
        Edit("Announced.keep", "self._notifier.notify(notices.ended(self._project, rollout, state))", "pass"),
        Edit(
            "Announced.result",
            "self._publisher.result(rollout, state)",
            "self._publisher.result(rollout, state); "
            "self._notifier.notify(notices.ended(self._project, rollout, state))",
        ),
    ),
}


def find(name: str, arguments: Sequence[str]) -> int:
    """Plays a copy of this checkout with the defect until it is found. `arguments` are the simulator's."""
    with edited(PLANTED[name]) as root:
        return subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--first", "--no-shrink", *arguments], cwd=root, check=False
        ).returncode
