"""The web process: both listeners in one Hypercorn. All wiring is here."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from arq.connections import ArqRedis
from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.applications import Starlette

from app.auth.callers import SharedSecret
from app.config.settings import WebSettings
from app.config.stack_file import load_stack
from app.domain.errors import UpdaterError
from app.ledger import Ledger
from app.logs import configure_logs
from app.queue import Queue, open_pool
from app.web.body import Intake
from app.web.calls.changes import Changes
from app.web.calls.dashboard import Dashboard
from app.web.calls.doctor import CheckUp
from app.web.calls.final_result import FinalAnswer
from app.web.calls.health import Health
from app.web.calls.metrics import Metrics
from app.web.calls.queries import Reading
from app.web.calls.status import StatusCall
from app.web.calls.streams import StreamedAnswers
from app.web.calls.waiting import Endings
from app.web.internal.access import MAX_BODY_BYTES, AccessControl
from app.web.internal.listener import internal_app
from app.web.internal.table import Calls
from app.web.webhook.receiver import Receiver, public_app

GRACEFUL_SECONDS = 10.0
LEAVE_SECONDS = GRACEFUL_SECONDS + 2.0
"""Time after the signal to answer running requests and close their connections."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Faces:
    """The two applications, and the event that ends their open streams."""

    public: Starlette
    internal: Starlette
    closing: asyncio.Event


def wire(settings: WebSettings, pool: ArqRedis) -> Faces:
    """Builds the applications of both listeners. Raises SettingsInvalid, StackInvalid."""
    stack = load_stack(settings.stack_file, repository=settings.repository)
    secret = SharedSecret(settings.secret_path, settings.secret_group)
    secret.ensure()
    ledger, queue = Ledger(pool, settings.namespace), Queue(pool)
    receiver = Receiver(stack, settings.webhook_secrets, Intake(settings.webhook_max_bytes), ledger, queue)
    streams, status = StreamedAnswers(ledger), StatusCall(ledger)
    endings = Endings(ledger, streams)
    calls = Calls(
        health=Health(ledger),
        status=status,
        changes=Changes(ledger, queue, status, FinalAnswer(status, endings, settings.apply_wait)),
        reading=Reading(ledger, queue, status, streams, endings),
        doctor=CheckUp(ledger, queue, secret, settings.webhook_secrets),
        metrics=Metrics(ledger, status, receiver.decisions),
        dashboard=Dashboard(secret),
    )
    guard = AccessControl(secret, Intake(MAX_BODY_BYTES))
    return Faces(public_app(receiver), internal_app(calls, guard), streams.closing)


async def run(settings: WebSettings) -> None:
    """Serves both listeners until SIGTERM or SIGINT."""
    pool = open_pool(settings.redis_url, settings.namespace)
    try:
        faces = wire(settings, pool)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, faces.closing.set)
        async with asyncio.TaskGroup() as group:
            listening = [
                group.create_task(serve(app, listener(bind), shutdown_trigger=faces.closing.wait))  # type: ignore[arg-type]
                for app, bind in ((faces.public, settings.public_bind), (faces.internal, settings.bind))
            ]
            log.info("web is up", public=settings.public_bind, internal=settings.bind)
            await faces.closing.wait()
            await _end(listening)
    finally:
        await pool.aclose()


async def _end(listening: Iterable[asyncio.Task[None]]) -> None:
    """Waits until both listeners have closed. After LEAVE_SECONDS the process exits with connections still open.

    A connection whose client reads nothing never closes: Hypercorn waits until the rest of its answer is sent (from
    Python 3.12 on, before it applies `graceful_timeout`), and asyncio.run waits for Hypercorn.
    """
    _, open_still = await asyncio.wait(listening, timeout=LEAVE_SECONDS)
    if open_still:
        log.warning("web exits with open connections: their clients do not read", seconds=LEAVE_SECONDS)
        sys.stdout.flush()
        os._exit(0)


def listener(bind: str) -> Config:
    """Hypercorn's settings for `bind`."""
    config = Config()
    config.bind = [bind]
    config.graceful_timeout = GRACEFUL_SECONDS
    config.accesslog = None  # Hypercorn's own writes a forged newline as a real one
    config.errorlog = None
    config.include_server_header = False
    return config


def main() -> None:
    """`python -m app.main`."""
    configure_logs()
    try:
        asyncio.run(run(WebSettings.from_environ(os.environ)))
    except UpdaterError as error:
        sys.exit(f"zetherion-updater web did not start. {error}")


if __name__ == "__main__":
    main()
