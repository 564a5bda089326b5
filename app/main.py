"""The web process: both listeners. All wiring is here."""

if __name__ == "__main__":
    from app import loading

    loading.begin(loading.RICH, loading.HTTPX_COMMAND)

import asyncio
import os
import signal
import sys
from dataclasses import dataclass

import structlog
from arq.connections import ArqRedis
from starlette.applications import Starlette

from app.auth.callers import SharedSecret
from app.config.settings import WebSettings
from app.config.stack_file import load_stack
from app.domain.errors import UpdaterError
from app.ledger import Ledger
from app.logs import configure_logs
from app.queue import Queue, open_pool
from app.task_group import task_group
from app.web.body import Intake
from app.web.calls.changes import Changes
from app.web.calls.dashboard import Dashboard
from app.web.calls.doctor import CheckUp
from app.web.calls.final_result import FinalAnswer
from app.web.calls.health import Health
from app.web.calls.metrics import Metrics
from app.web.calls.queries import Reading
from app.web.calls.sessions import Sessions
from app.web.calls.status import StatusCall
from app.web.calls.streams import StreamedAnswers
from app.web.calls.waiting import Endings
from app.web.internal.access import MAX_BODY_BYTES, AccessControl
from app.web.internal.caller import Identification
from app.web.internal.change_record import ChangeRecord
from app.web.internal.listener import internal_app
from app.web.internal.proxies import TrustedProxies
from app.web.internal.table import Calls
from app.web.server.serve import listener, serve
from app.web.webhook.receiver import Receiver, public_app

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
    identification = Identification(secret, ledger, TrustedProxies(settings.trusted_proxies))
    receiver = Receiver(stack, settings.webhook_secrets, Intake(settings.webhook_max_bytes), ledger, queue)
    streams, status = StreamedAnswers(ledger), StatusCall(ledger)
    endings = Endings(ledger, streams)
    sessions = Sessions(identification)
    calls = Calls(
        health=Health(ledger),
        status=status,
        changes=Changes(ledger, queue, status, FinalAnswer(status, endings, settings.apply_wait), stack.tags),
        reading=Reading(ledger, queue, status, streams, endings),
        doctor=CheckUp(ledger, queue, secret, settings.webhook_secrets),
        metrics=Metrics(ledger, status, receiver.decisions, sessions.failures),
        dashboard=Dashboard(),
        sessions=sessions,
    )
    guard = AccessControl(identification, Intake(MAX_BODY_BYTES), ChangeRecord(ledger))
    return Faces(public_app(receiver), internal_app(calls, guard), streams.closing)


async def run(settings: WebSettings) -> None:
    """Serves both listeners until SIGTERM or SIGINT."""
    pool = open_pool(settings.redis_url, settings.namespace)
    try:
        faces = wire(settings, pool)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, faces.closing.set)
        async with task_group() as group:
            for app, bind in ((faces.public, settings.public_bind), (faces.internal, settings.bind)):
                group.create_task(serve(app, listener(bind), faces.closing))
            log.info("web is up", public=settings.public_bind, internal=settings.bind)
    finally:
        await pool.aclose()


def main() -> None:
    """`python -m app.main`."""
    configure_logs()
    try:
        asyncio.run(run(WebSettings.from_environ(os.environ)))
    except UpdaterError as error:
        sys.exit(f"zetherion-updater web did not start. {error}")


if __name__ == "__main__":
    loading.end()
    main()
