"""Creates the worker's adapters from the settings and the stack file. Nothing else creates any."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path

import docker
import structlog
from arq.connections import ArqRedis

from app.config import notify_urls, otlp
from app.config.forge import web_of
from app.config.locations import lease_beside
from app.config.release_policy import ReleasePolicy
from app.config.settings import WorkerSettings
from app.domain.errors import SettingsInvalid
from app.domain.stack import EngineKind, Stack
from app.ledger import Ledger
from workers.adapters.disk.data_directory import DataDirectory
from workers.adapters.disk.history_file import HistoryFile
from workers.adapters.disk.journal import FileJournal
from workers.adapters.disk.lease import Lease
from workers.adapters.disk.rollout_logs import RolloutLogs
from workers.adapters.disk_room import DiskRoom
from workers.adapters.docker_host.client import Docker, connect
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.docker_host.compose.secret_values import learn_what_is_known
from workers.adapters.docker_host.engine import DockerEngine
from workers.adapters.docker_host.own_services.containers import OwnContainers, own_containers
from workers.adapters.docker_host.stored.definitions import ReleaseFiles
from workers.adapters.docker_host.survey import own_mounts
from workers.adapters.git_repo.credentials import token_for
from workers.adapters.git_repo.mirror import GitSource
from workers.adapters.git_repo.ssh_access import SshAccess
from workers.adapters.http_probe import HttpProbe
from workers.adapters.machine import SystemClock, room_of
from workers.adapters.notice_file import NoticeFile
from workers.adapters.notifier import AppriseNotifier
from workers.adapters.publisher import LedgerPublisher
from workers.adapters.redaction import Hide, Redactor, names_of
from workers.adapters.swarm.engine import SwarmEngine
from workers.adapters.swarm.shared_lease import shared_lease
from workers.adapters.threads import in_engine_thread
from workers.adapters.tracing.otlp import NOT_INSTALLED, is_installed, otlp_sender
from workers.adapters.tracing.trace_export import TraceExport
from workers.adapters.traefik.metrics import TraefikMetrics
from workers.adapters.traefik.routes import routes_of
from workers.control.announce import Announced
from workers.control.known_repository import current_source
from workers.control.served_guard import protecting
from workers.control.stale_guard import guarded
from workers.inspect import mounts
from workers.ports import Clock, Engine, Ports, Route
from workers.ports.mutation import Fence
from workers.rollout.pipeline import step_ids
from workers.rollout.steps.preflight import GB

FLUSH_SECONDS = 5.0

log = structlog.get_logger()


@contextlib.asynccontextmanager
async def wire(
    settings: WorkerSettings, stack: Stack, pool: ArqRedis, redactor: Redactor, lease: Lease
) -> AsyncIterator[Ports]:
    """Creates the adapters and yields them as ports, while it holds `lease`. Closes them, also if it fails half-way."""
    path = settings.routes_path(stack)
    async with contextlib.AsyncExitStack() as opened:
        client = await in_engine_thread(connect, settings.docker_host)
        opened.callback(client.close)
        own = await own_mounts(Docker(client, settings.docker_host))
        _check_paths(own, [Path(stack.directory), settings.data_dir])
        shared = await shared_lease(Docker(client, settings.docker_host), stack, pool, settings.namespace)
        journal = FileJournal(settings.journal_path, lambda: lease.taken, lambda: shared.taken)
        command = find_compose(settings.compose_command)
        compose = Compose(command, stack.project, settings.docker_host, fence=journal.fence, learn=redactor.learn)
        clock, ledger = SystemClock(), Ledger(pool, settings.namespace)
        history, logs = HistoryFile(settings.data_dir / "history.jsonl"), RolloutLogs(settings.data_dir / "logs")
        notifier = notifier_of(settings, clock, redactor.value, journal.fence, stack.public_url)
        notified = notifier.counts if notifier else dict
        password = settings.traefik_redis_password
        routes = routes_of(stack, path, settings.namespace, password=password, fence=journal.fence)
        route = await opened.enter_async_context(routes)
        probe = HttpProbe(stack.traefik.rollout_header, stack.checks.timeout)
        opened.push_async_callback(probe.aclose)
        traffic = TraefikMetrics(stack.traefik.metrics, stack) if stack.traefik.metrics else None
        if traffic is not None:
            opened.push_async_callback(traffic.aclose)
        if (tracing := tracing_of(settings, stack, redactor.value)) is not None:
            opened.push_async_callback(tracing.aclose)
        releases = settings.data_dir / "releases"
        await learn_what_is_known(compose, stack, ReleaseFiles(releases))
        kind = SwarmEngine if stack.engine is EngineKind.SWARM else DockerEngine
        docker_engine = kind(
            client,
            compose,
            stack,
            releases,
            fence=journal.fence,
            written=[path] if path else [],
            own_mounts=own,
            route=route.file if path else None,
        )
        room = room_of(settings.data_dir, await in_engine_thread(_engine_root, client))
        publisher = LedgerPublisher(
            ledger,
            partial(step_ids, stack),
            history,
            logs,
            clock,
            hide=redactor.value,
            policy=release_policy_of(settings, stack),
            notified=notified,
            public_url=stack.public_url,
            forge_url=web_of(settings.github_api_url),
            disk=DiskRoom(room, round(stack.needs.disk_gb * GB), clock),
        )
        await opened.enter_async_context(lease.held())
        await opened.enter_async_context(shared.held())
        journal.load()
        await opened.enter_async_context(_sending(publisher, notifier))
        yield Ports(
            engine=guarded(Engine, protecting(docker_engine, route, stack), journal),
            source=source_of(settings, stack, lambda: current_source(journal.state, stack)),
            route=guarded(Route, route, journal),
            probe=probe,
            traffic=traffic,
            journal=journal,
            inbox=ledger,
            publisher=Announced(publisher, notifier, stack.project) if notifier else publisher,
            clock=clock,
            notifier=notifier,
            room=room,
            storage=DataDirectory(settings.data_dir, logs),
            tracing=tracing,
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


def notifier_of(
    settings: WorkerSettings, clock: Clock, hide: Hide, fence: Fence, public_url: str | None
) -> AppriseNotifier | None:
    """None if no notification target is configured."""
    if not settings.notify_targets:
        return None
    kept = NoticeFile(settings.data_dir / "notices.json", fence)
    return AppriseNotifier(
        settings.notify_targets, settings.notify_events, kept, clock, hide=hide, public_url=public_url
    )


def tracing_of(settings: WorkerSettings, stack: Stack, hide: Hide) -> TraceExport | None:
    """None if no collector is configured, or if the SDK is not installed, which the log says."""
    if settings.otlp_endpoint is None:
        return None
    if not is_installed():
        log.warning(NOT_INSTALLED)
        return None
    return TraceExport(partial(otlp_sender, settings.otlp_endpoint, settings.otlp_headers, stack.project), hide=hide)


def redactor_of(settings: WorkerSettings, stack: Stack) -> Redactor:
    """Knows the secrets of the settings and of the live directory; it learns those of releases when they are read."""
    token = token_of(settings)
    hidden = [*([token] if token else []), *notify_urls.secrets_in(settings.notify_targets)]
    hidden += otlp.secrets_in(settings.otlp_headers)
    hidden += [password.get_secret_value()] if (password := settings.traefik_redis_password) else []
    urls, names = (stack.source, settings.redis_url), names_of(stack)
    return Redactor(Path(stack.directory), urls, hidden, env_files=stack.env_files, ordinary=names)


@contextlib.asynccontextmanager
async def own_services_of(settings: WorkerSettings, stack: Stack) -> AsyncIterator[OwnContainers | None]:
    """The updater's own services; None if the stack file does not name any."""
    if stack.updater is None:
        yield None
        return
    where = {"host": settings.docker_host, "compose": settings.compose_command}
    async with own_containers(stack, stack.updater, **where, data_dir=settings.data_dir) as own:
        yield own


def release_policy_of(settings: WorkerSettings, stack: Stack) -> ReleasePolicy:
    """The policy that holds releases back, from the environment and the stack file."""
    return ReleasePolicy(
        enabled=settings.enabled,
        approval=settings.approval,
        checks=stack.policy.require_checks is not None,
        windows=stack.policy.windows,
        tags=stack.tags,
    )


def source_of(settings: WorkerSettings, stack: Stack, now: Callable[[], str] | None = None) -> GitSource:
    """The stack's Git repository, with its allowed signers and credential. `now`: its present URL."""
    signers = Path(stack.policy.allowed_signers) if stack.policy.allowed_signers else None
    token = token_for(stack.source, settings.github_api_url, token_of(settings))
    ssh = SshAccess(settings.ssh_key_path, settings.ssh_known_hosts_path)
    directory, names = settings.data_dir / "git", [stack.repository]
    files = {"submodules": stack.files.submodules, "lfs": stack.files.lfs}
    return GitSource(
        stack.source, directory, stack.times.fetch, signers, token=token, names=names, now=now, ssh=ssh, **files
    )


def token_of(settings: WorkerSettings) -> str | None:
    return settings.github_token.get_secret_value() if settings.github_token else None


def _check_paths(own: mounts.Mounts | None, needed: Sequence[Path]) -> None:
    """Raises SettingsInvalid if the `needed` paths are not the same in this container as on the host."""
    if wrong := mounts.unlike(needed, own):
        listed = ", ".join(map(str, wrong))
        raise SettingsInvalid(
            f"{listed}: not mounted at the same path as on the host, where the engine and your own `docker compose` "
            f"look for it. Traffic is unchanged. {mounts.remedy(wrong)}"
        )


def _engine_root(client: docker.DockerClient) -> Path:
    return Path(client.info()["DockerRootDir"])
