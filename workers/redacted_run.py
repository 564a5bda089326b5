"""Runs a process of the worker so that its logs, and the error with which it ends, show no secret."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

import structlog

from app.domain.errors import UpdaterError
from app.logs import configure_logs
from workers.adapters.redaction import Redactor

log = structlog.get_logger()


def run_redacted(work: Coroutine[Any, Any, None], redactor: Redactor, failure: str) -> None:
    """Runs `work` to its end. Exits with `failure` and the reason if it raises UpdaterError."""
    configure_logs(redactor.processor)  # type: ignore[arg-type]
    try:
        asyncio.run(work)
    except UpdaterError as error:
        sys.exit(redactor.text(f"{failure} {error}"))
    except Exception:  # Python would print the traceback with every secret in it
        log.exception("the process ends after an unexpected error")
        sys.exit(1)
