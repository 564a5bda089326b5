"""The worker process: recovers what an earlier worker left, then works until it is stopped."""

if __name__ == "__main__":
    from app import loading

    loading.begin(loading.RICH, loading.HTTPX_COMMAND)

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Protocol

import structlog

from app.config.forge import check_forge, is_gitea
from app.config.settings import WorkerSettings
from app.config.stack_file import load_stack
from app.domain.acceptance.repository import repository_alarms
from app.domain.errors import UpdaterError
from app.domain.findings import Alarm
from app.domain.stack import Stack
from app.logs import configure_logs
from app.queue import open_pool
from workers.adapters.arq_worker import build_worker
from workers.adapters.github_api.client import GithubkitApi
from workers.adapters.github_api.outbox import FileOutbox
from workers.adapters.redaction import Redactor
from workers.control.jobs import Jobs
from workers.control.known_repository import current_name
from workers.control.reconcile import Reconciler
from workers.ports import Ports
from workers.redacted_run import run_redacted
from workers.self_update.own_services import goes_on
from workers.self_update.succession import Succession
from workers.watchdogs.deployments import Deployments
from workers.watchdogs.disk_watch import DiskWatch
from workers.watchdogs.drift_watch import DriftWatch
from workers.watchdogs.ignored_releases import IgnoredReleases
from workers.watchdogs.missed_releases import MissedReleases
from workers.watchdogs.required_checks import ASK_SECONDS, ASK_SECONDS_WITHOUT_TOKEN, RequiredChecksWatch
from workers.watchdogs.traffic_watch import TrafficWatch
from workers.watchdogs.unreadable_releases import UnreadableReleases
from workers.watchdogs.withdrawn_releases import WithdrawnReleases
from workers.wiring import lease_of, own_services_of, redactor_of, release_policy_of, token_of, wire

FAILURE = "zetherion-updater worker did not start or had to stop."

log = structlog.get_logger()


async def run(settings: WorkerSettings, stack: Stack, redactor: Redactor) -> None:
    """Recovers, then works until SIGTERM or SIGINT."""
    token = token_of(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    lease = lease_of(settings)
    async with (
        contextlib.aclosing(open_pool(settings.redis_url, settings.namespace)) as pool,
        wire(settings, stack, pool, redactor, lease) as ports,
        own_services_of(settings, stack) as own,
    ):
        name = lambda: current_name(ports.journal.state, stack)  # noqa: E731
        github = GithubkitApi(name, stack.github, api_url=settings.github_api_url, token=token)
        policy = release_policy_of(settings, stack)
        succeeds = partial(goes_on, own) if own is not None else lambda: False
        reconciler = Reconciler(
            stack, ports, policy=policy, pause_on_failure=settings.pause_on_failure, succeeds=succeeds, github=github
        )
        beside = _beside(settings, stack, ports, github, reconciler)
        if own is not None and stack.updater is not None:
            # First, because an unfinished earlier succession holds back everything else.
            beside.insert(0, Succession(stack, stack.updater, ports, reconciler, own))
        jobs = Jobs(stack, ports, reconciler, github)
        queue = partial(build_worker, jobs, pool, settings.namespace, hide=redactor.value)
        working = asyncio.create_task(
            work(stack, reconciler, ports, beside, lease=lease, queue=queue, connected=github.open)
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, working.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await working


class Beside(Protocol):
    """A task that runs beside the rollouts and reports alarms."""

    async def run(self) -> None: ...
    def alarms(self) -> Sequence[Alarm]: ...


class WorkerLease(Protocol):
    """The lease that this worker holds."""

    def works(self) -> None: ...


class QueueWorker(Protocol):
    """Runs the queue's jobs. `main` raises StaleWorker when another worker has taken over."""

    async def main(self) -> None: ...
    async def close(self) -> None: ...


def _beside(
    settings: WorkerSettings, stack: Stack, ports: Ports, github: GithubkitApi, reconciler: Reconciler
) -> list[Beside]:
    """The tasks that run in every worker, and those that talk to GitHub, as far as the settings enable them."""
    parts: list[Beside] = [
        UnreadableReleases(ports, stack.tags),
        IgnoredReleases(ports, stack.project),
        WithdrawnReleases(ports, reconciler),
        DiskWatch(ports, reconciler),
    ]
    if ports.traffic is not None:
        parts.append(TrafficWatch(ports.traffic, ports, reconciler))
    if (required := stack.policy.require_checks) is not None:
        limited = not settings.github_token and not is_gitea(settings.github_api_url)
        every = ASK_SECONDS_WITHOUT_TOKEN if limited else ASK_SECONDS
        parts.append(RequiredChecksWatch(required, ports, github, reconciler, every=every))
    if settings.check_minutes:
        parts.append(MissedReleases(stack, ports, github, reconciler, every=60 * settings.check_minutes))
    if settings.github_token and stack.github.deployments and not is_gitea(settings.github_api_url):
        outbox = FileOutbox(settings.data_dir / "github.json", ports.clock.now())
        parts.append(Deployments(ports, github, outbox))
    return parts


async def work(
    stack: Stack,
    reconciler: Reconciler,
    ports: Ports,
    beside: Sequence[Beside],
    *,
    lease: WorkerLease,
    queue: Callable[[], QueueWorker],
    connected: Callable[[], AbstractAsyncContextManager[object]] = contextlib.nullcontext,
) -> None:
    """Recovers what an earlier worker left, then works until it is cancelled or another worker has taken over.

    `connected`: what `beside` needs open, for as long as it runs. It is opened when the worker is up.
    """
    log.info("worker is starting: recovering what an earlier worker left")
    worker = queue()
    guard = DriftWatch(stack, ports, reconciler, lambda: [*_of_repository(stack, ports), *_of(beside)])
    serving = asyncio.create_task(worker.main())  # already during the recovery, which can take as long as a bake
    tasks = [serving]
    async with contextlib.AsyncExitStack() as opened:
        try:
            tasks.append(starting := asyncio.create_task(reconciler.start()))
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                await serving
            await starting
            lease.works()
            log.info("worker is up")
            await opened.enter_async_context(connected())
            running = (*(part.run() for part in beside), _look(reconciler), guard.run())
            tasks += [asyncio.create_task(each) for each in running]
            await serving
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await worker.close()


def _of(beside: Sequence[Beside]) -> list[Alarm]:
    return [alarm for part in beside for alarm in part.alarms()]


def _of_repository(stack: Stack, ports: Ports) -> list[Alarm]:
    return repository_alarms(stack, ports.journal.state.repository)


async def _look(reconciler: Reconciler) -> None:
    """The first reconciliation. It needs no Redis: the journal may already have work to do."""
    try:
        await reconciler.reconcile()
    except Exception:
        log.exception("the first reconciliation failed; the worker retries every minute")


def main() -> None:
    """`python -m workers.main`."""
    configure_logs()
    try:
        settings = WorkerSettings.from_environ(os.environ)
        stack = load_stack(settings.stack_file, repository=settings.repository)
        check_forge(stack, settings.github_api_url)
        settings.routes_path(stack)
    except UpdaterError as error:
        sys.exit(f"{FAILURE} {error}")
    redactor = redactor_of(settings, stack)
    run_redacted(run(settings, stack, redactor), redactor, FAILURE)


if __name__ == "__main__":
    loading.end()
    main()
