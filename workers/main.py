"""The worker process. The only place that creates adapters."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Protocol

import docker
import structlog
from arq.connections import ArqRedis

from app.config import notify_urls
from app.config.locations import lease_beside
from app.config.release_policy import ReleasePolicy
from app.config.settings import WorkerSettings
from app.config.stack_file import load_stack
from app.domain.errors import SettingsInvalid, UpdaterError
from app.domain.findings import Alarm
from app.domain.stack import Stack
from app.ledger import Ledger
from app.logs import configure_logs
from app.queue import open_pool
from workers.adapters.arq_worker import build_worker
from workers.adapters.disk.data_directory import DataDirectory
from workers.adapters.disk.history_file import HistoryFile
from workers.adapters.disk.journal import FileJournal
from workers.adapters.disk.lease import Lease
from workers.adapters.disk.rollout_logs import RolloutLogs
from workers.adapters.docker_host.client import Docker, connect
from workers.adapters.docker_host.compose.client import Compose, find_compose
from workers.adapters.docker_host.compose.secret_values import learn_what_is_known
from workers.adapters.docker_host.engine import DockerEngine
from workers.adapters.docker_host.own_services.containers import OwnContainers, own_containers
from workers.adapters.docker_host.stored.definitions import ReleaseFiles
from workers.adapters.docker_host.survey import own_mounts
from workers.adapters.git_repo.credentials import token_for
from workers.adapters.git_repo.mirror import GitSource
from workers.adapters.github_api.client import GithubkitApi
from workers.adapters.github_api.outbox import FileOutbox
from workers.adapters.http_probe import HttpProbe
from workers.adapters.machine import SystemClock, room_of
from workers.adapters.notice_file import NoticeFile
from workers.adapters.notifier import AppriseNotifier
from workers.adapters.publisher import LedgerPublisher
from workers.adapters.redaction import Hide, Redactor, names_of
from workers.adapters.threads import in_engine_thread, in_file_thread
from workers.adapters.traefik.metrics import TraefikMetrics
from workers.adapters.traefik.route_file import RouteFile
from workers.control.announce import Announced
from workers.control.jobs import Jobs
from workers.control.reconcile import Reconciler
from workers.control.served_guard import protecting
from workers.control.stale_guard import guarded
from workers.inspect import mounts
from workers.ports import Clock, Engine, Ports, Route
from workers.redacted_run import run_redacted
from workers.rollout.pipeline import step_ids
from workers.self_update.own_services import goes_on
from workers.self_update.succession import Succession
from workers.watchdogs.deployments import Deployments
from workers.watchdogs.disk_watch import DiskWatch
from workers.watchdogs.drift_watch import DriftWatch
from workers.watchdogs.missed_releases import MissedReleases
from workers.watchdogs.unreadable_releases import UnreadableReleases

FLUSH_SECONDS = 5.0
FAILURE = "zetherion-updater worker did not start or had to stop."

log = structlog.get_logger()


@contextlib.asynccontextmanager
async def wire(
    settings: WorkerSettings, stack: Stack, pool: ArqRedis, redactor: Redactor, lease: Lease
) -> AsyncIterator[Ports]:
    """Creates the adapters and yields them as ports, while it holds `lease`. Closes them, also if it fails half-way."""
    async with contextlib.AsyncExitStack() as opened:
        client = await in_engine_thread(connect, settings.docker_host)
        opened.callback(client.close)
        await _check_paths(Docker(client, settings.docker_host), [Path(stack.directory), settings.data_dir])
        journal = FileJournal(settings.journal_path)
        command = find_compose(settings.compose_command)
        compose = Compose(command, stack.project, settings.docker_host, fence=journal.fence, learn=redactor.learn)
        clock, ledger = SystemClock(), Ledger(pool, settings.namespace)
        history, logs = HistoryFile(settings.data_dir / "history.jsonl"), RolloutLogs(settings.data_dir / "logs")
        notifier, policy = notifier_of(settings, clock, redactor.value), release_policy_of(settings, stack)
        notified = notifier.counts if notifier else dict
        publisher = LedgerPublisher(
            ledger,
            partial(step_ids, stack),
            history,
            logs,
            clock,
            hide=redactor.value,
            policy=policy,
            notified=notified,
        )
        route = RouteFile(settings.traefik_dynamic_path, stack, fence=journal.fence)
        await in_file_thread(route.check)
        probe = HttpProbe(stack.traefik.rollout_header, stack.checks.timeout)
        opened.push_async_callback(probe.aclose)
        traffic = TraefikMetrics(stack.traefik.metrics, stack) if stack.traefik.metrics else None
        if traffic is not None:
            opened.push_async_callback(traffic.aclose)
        releases, routes = settings.data_dir / "releases", settings.traefik_dynamic_path
        await learn_what_is_known(compose, stack, ReleaseFiles(releases))
        docker_engine = DockerEngine(client, compose, stack, releases, fence=journal.fence, written=[routes])
        await opened.enter_async_context(lease.held())
        journal.load()
        await opened.enter_async_context(_sending(publisher, notifier))
        yield Ports(
            engine=guarded(Engine, protecting(docker_engine, route, stack), journal),
            source=source_of(settings, stack),
            route=guarded(Route, route, journal),
            probe=probe,
            traffic=traffic,
            journal=journal,
            inbox=ledger,
            publisher=Announced(publisher, notifier, stack.project) if notifier else publisher,
            clock=clock,
            notifier=notifier,
            room=room_of(settings.data_dir, _engine_root(client)),
            storage=DataDirectory(settings.data_dir, logs),
        )


@contextlib.asynccontextmanager
async def _sending(publisher: LedgerPublisher, notifier: AppriseNotifier | None) -> AsyncIterator[None]:
    """Writes to the ledger and sends messages; at the end, first writes what waits."""
    tasks = [asyncio.create_task(part.run()) for part in (publisher, notifier) if part is not None]
    try:
        yield
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await publisher.flush()
        for task in tasks:
            task.cancel()


def lease_of(settings: WorkerSettings) -> Lease:
    """The lease, in a file beside the journal."""
    return Lease(lease_beside(settings.journal_path))


def notifier_of(settings: WorkerSettings, clock: Clock, hide: Hide) -> AppriseNotifier | None:
    """None if no notification target is configured."""
    if not settings.notify_targets:
        return None
    kept = NoticeFile(settings.data_dir / "notices.json")
    return AppriseNotifier(settings.notify_targets, settings.notify_events, kept, clock, hide=hide)


def redactor_of(settings: WorkerSettings, stack: Stack) -> Redactor:
    """Knows the secrets of the settings and of the live directory; it learns those of releases when they are read."""
    token = _token(settings)
    hidden = [*([token] if token else []), *notify_urls.secrets_in(settings.notify_targets)]
    urls, names = (stack.source, settings.redis_url), names_of(stack)
    return Redactor(Path(stack.directory), urls, hidden, env_files=stack.env_files, ordinary=names)


async def run(settings: WorkerSettings, stack: Stack, redactor: Redactor) -> None:
    """Recovers, then works until SIGTERM or SIGINT."""
    token = _token(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    github = GithubkitApi(stack.repository, stack.github, api_url=settings.github_api_url, token=token)
    lease = lease_of(settings)
    async with (
        contextlib.aclosing(open_pool(settings.redis_url, settings.namespace)) as pool,
        wire(settings, stack, pool, redactor, lease) as ports,
        _own_services(settings, stack) as own,
    ):
        policy = release_policy_of(settings, stack)
        succeeds = partial(goes_on, own) if own is not None else lambda: False
        reconciler = Reconciler(
            stack, ports, policy=policy, pause_on_failure=settings.pause_on_failure, succeeds=succeeds
        )
        beside = _beside(settings, stack, ports, github, reconciler)
        if own is not None and stack.updater is not None:
            # First, because an unfinished earlier succession holds back everything else.
            beside.insert(0, Succession(stack, stack.updater, ports, reconciler, own))
        jobs = Jobs(stack, ports, reconciler)
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
    parts: list[Beside] = [UnreadableReleases(ports), DiskWatch(ports, reconciler)]
    if settings.check_minutes:
        parts.append(MissedReleases(stack, ports, github, reconciler, every=60 * settings.check_minutes))
    if settings.github_token and stack.github.deployments:
        outbox = FileOutbox(settings.data_dir / "github.json", ports.clock.now())
        parts.append(Deployments(ports, github, outbox))
    return parts


@contextlib.asynccontextmanager
async def _own_services(settings: WorkerSettings, stack: Stack) -> AsyncIterator[OwnContainers | None]:
    """The updater's own services; None if the stack file does not name any."""
    if stack.updater is None:
        yield None
        return
    where = {"host": settings.docker_host, "compose": settings.compose_command}
    async with own_containers(stack, stack.updater, **where, data_dir=settings.data_dir) as own:
        yield own


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
    guard = DriftWatch(stack, ports, reconciler, lambda: [alarm for part in beside for alarm in part.alarms()])
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


async def _look(reconciler: Reconciler) -> None:
    """The first reconciliation. It needs no Redis: the journal may already have work to do."""
    try:
        await reconciler.reconcile()
    except Exception:
        log.exception("the first reconciliation failed; the worker retries every minute")


def release_policy_of(settings: WorkerSettings, stack: Stack) -> ReleasePolicy:
    """The policy that holds releases back, from the environment and the stack file."""
    return ReleasePolicy(enabled=settings.enabled, approval=settings.approval, windows=stack.policy.windows)


def source_of(settings: WorkerSettings, stack: Stack) -> GitSource:
    """The stack's Git repository, with its allowed signers and credential."""
    signers = Path(stack.policy.allowed_signers) if stack.policy.allowed_signers else None
    token = token_for(stack.source, settings.github_api_url, _token(settings))
    directory, names = settings.data_dir / "git", [stack.repository]
    files = {"submodules": stack.files.submodules, "lfs": stack.files.lfs}
    return GitSource(stack.source, directory, stack.times.fetch, signers, token=token, names=names, **files)


def _token(settings: WorkerSettings) -> str | None:
    return settings.github_token.get_secret_value() if settings.github_token else None


async def _check_paths(engine: Docker, needed: Sequence[Path]) -> None:
    """Raises SettingsInvalid if the `needed` paths are not the same in this container as on the host."""
    if wrong := mounts.unlike(needed, await own_mounts(engine)):
        listed = ", ".join(map(str, wrong))
        raise SettingsInvalid(
            f"{listed}: not mounted at the same path as on the host, where the engine and your own `docker compose` "
            f"look for it. Traffic is unchanged. {mounts.remedy(wrong)}"
        )


def _engine_root(client: docker.DockerClient) -> Path:
    return Path(client.info()["DockerRootDir"])


def main() -> None:
    """`python -m workers.main`."""
    configure_logs()
    try:
        settings = WorkerSettings.from_environ(os.environ)
        stack = load_stack(settings.stack_file, repository=settings.repository)
    except UpdaterError as error:
        sys.exit(f"{FAILURE} {error}")
    redactor = redactor_of(settings, stack)
    run_redacted(run(settings, stack, redactor), redactor, FAILURE)


if __name__ == "__main__":
    main()
