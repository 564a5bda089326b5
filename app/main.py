"""The web process: both listeners in one Hypercorn, wired here and nowhere else."""

import asyncio
import os
import signal
import sys

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
from app.web.updates import Operator, internal_app
from app.web.webhook import Receiver, public_app

GRACEFUL_SECONDS = 10.0

log = structlog.get_logger()


def wire(settings: WebSettings, pool: ArqRedis) -> tuple[Starlette, Starlette]:
    """The public and the internal application."""
    stack = load_stack(settings.stack_file, repository=settings.repository)
    secret = SharedSecret(settings.secret_path, settings.secret_group)
    secret.ensure()
    ledger, queue = Ledger(pool, settings.namespace), Queue(pool)
    receiver = Receiver(stack, settings.webhook_secrets, settings.webhook_max_bytes, ledger, queue)
    return public_app(receiver), internal_app(Operator(ledger, queue, secret))


async def run(settings: WebSettings) -> None:
    """Serves both listeners until SIGTERM or SIGINT."""
    pool = await open_pool(settings.redis_url, settings.namespace)
    try:
        public, internal = wire(settings, pool)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with asyncio.TaskGroup() as group:
            for app, bind in ((public, settings.public_bind), (internal, settings.bind)):
                group.create_task(serve(app, _hypercorn(bind), shutdown_trigger=stop.wait))  # type: ignore[arg-type]
            log.info("web is up", public=settings.public_bind, internal=settings.bind)
    finally:
        await pool.aclose()


def _hypercorn(bind: str) -> Config:
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
