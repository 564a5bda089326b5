"""Log lines: one JSON object each, on standard output."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog


def configure_logs(*more: structlog.types.Processor) -> None:
    """Sends structlog's and the standard library's lines through one JSON renderer, from level INFO.

    `more` are processors to run last on every line.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, *more, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *more,
            structlog.processors.JSONRenderer(),
        ],
    )
    stream = logging.StreamHandler(sys.stdout)
    stream.setFormatter(formatter)
    logging.basicConfig(handlers=[stream], level=logging.INFO, force=True)
    for noisy in ("httpx", "httpcore", "docker", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


@contextmanager
def named_in_log(rollout_id: str, trace_id: str | None) -> Iterator[None]:
    """Adds both ids to every line of this task, and of those that it starts, during the `with` block."""
    ids = {"rollout_id": rollout_id, "trace_id": trace_id}
    with structlog.contextvars.bound_contextvars(**{name: value for name, value in ids.items() if value}):
        yield
