"""The web process: both listeners in one Hypercorn, wired here and nowhere else."""

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

from app.auth import SharedSecret
from app.domain.errors import UpdaterError
from app.ledger import Ledger
from app.logs import configure_logs
from app.queue import Queue, open_pool
from app.settings import WebSettings
from app.stack_file import load_stack
from app.web.changes import Changes
from app.web.dashboard import Dashboard
from app.web.doctor import Doctor
from app.web.final import FinalAnswer
from app.web.guard import MAX_BODY_BYTES, Guard
from app.web.health import Health
from app.web.intake import Intake
from app.web.internal import internal_app
from app.web.metrics import Metrics
from app.web.reading import Reading
from app.web.status import StatusCall
from app.web.streams import Streams
from app.web.table import Desk
from app.web.waiting import Endings
from app.web.webhook import Receiver, public_app

GRACEFUL_SECONDS = 10.0
LEAVE_SECONDS = GRACEFUL_SECONDS + 2.0
"""After the signal: for the requests that are being answered, and for closing the connections after them."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Faces:
    """The two applications, and what ends their open streams."""

    public: Starlette
    internal: Starlette
    closing: asyncio.Event


def wire(settings: WebSettings, pool: ArqRedis) -> Faces:
    """Both listeners' applications. Raises SettingsInvalid, StackInvalid."""
    stack = load_stack(settings.stack_file, repository=settings.repository)
    secret = SharedSecret(settings.secret_path, settings.secret_group)
    secret.ensure()
    ledger, queue = Ledger(pool, settings.namespace), Queue(pool)
    receiver = Receiver(stack, settings.webhook_secrets, Intake(settings.webhook_max_bytes), ledger, queue)
    streams, status = Streams(ledger), StatusCall(ledger)
    endings = Endings(ledger, streams)
    desk = Desk(
        health=Health(ledger),
        status=status,
        changes=Changes(ledger, queue, status, FinalAnswer(status, endings, settings.apply_wait)),
        reading=Reading(ledger, queue, status, streams, endings),
        doctor=Doctor(ledger, queue, secret, settings.webhook_secrets),
        metrics=Metrics(ledger, status, receiver.decisions),
        dashboard=Dashboard(secret),
    )
    guard = Guard(secret, Intake(MAX_BODY_BYTES))
    return Faces(public_app(receiver), internal_app(desk, guard), streams.closing)


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
    """Waits until both listeners have closed. After LEAVE_SECONDS the process exits without their last connections.

    A connection whose client reads nothing closes never: Hypercorn waits until the rest of its answer is sent, from
    Python 3.12 on before it looks at `graceful_timeout`, and asyncio.run waits for that in turn.
    """
    _, open_still = await asyncio.wait(listening, timeout=LEAVE_SECONDS)
    if open_still:
        log.warning("web ends with connections open: their clients read nothing", seconds=LEAVE_SECONDS)
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
