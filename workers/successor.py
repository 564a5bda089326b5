"""Wires the one-shot container that replaces the updater: see workers/self_update/successor.py.

`python -m workers.successor ROLLOUT` runs the attempt for that rollout, which the worker has prepared.
"""

if __name__ == "__main__":
    from app import loading

    loading.begin(loading.RICH, loading.HTTPX_COMMAND)

import os
import sys
from pathlib import Path

import structlog

from app.config.settings import WorkerSettings
from app.config.stack_file import load_stack
from app.domain.errors import SettingsInvalid, UpdaterError
from app.domain.stack import Stack
from app.logs import configure_logs
from workers.adapters.disk.journal_copy import JournalCopy
from workers.adapters.docker_host.compose.model_secrets import learn_model
from workers.adapters.docker_host.own_services.containers import own_containers
from workers.adapters.docker_host.stored.definitions import ReleaseFiles
from workers.adapters.redaction import Redactor, names_of
from workers.redacted_run import run_redacted
from workers.self_update.successor import Successor

FAILURE = "zetherion-updater's successor failed and must be started again."

log = structlog.get_logger()


async def run(settings: WorkerSettings, stack: Stack, redactor: Redactor, rollout: str) -> None:
    """Runs the prepared attempt. Raises UpdaterError; the engine then starts this container again."""
    if stack.updater is None:
        raise SettingsInvalid("the stack file no longer names the updater's own services")
    where = {"host": settings.docker_host, "compose": settings.compose_command}
    async with own_containers(stack, stack.updater, **where, data_dir=settings.data_dir) as own:
        attempt = own.attempt
        if attempt is None or attempt.rollout != rollout:
            log.warning("this attempt no longer exists; nothing to do", rollout=rollout)
        else:
            for model in ReleaseFiles(own.directory(attempt)).models():
                await learn_model(redactor.learn, model)
            journal = JournalCopy(settings.journal_path, own.directory(attempt))
            ended = await Successor(own, journal, stack.updater, redactor.value).run(attempt)
            log.info("the succession has ended", release=ended.tag, why=ended.why or "the new updater runs")
        await own.stop_itself()


def main() -> None:
    """`python -m workers.successor ROLLOUT`."""
    configure_logs()
    (rollout,) = sys.argv[1:]
    try:
        settings = WorkerSettings.from_environ(os.environ)
        stack = load_stack(settings.stack_file, repository=settings.repository)
    except UpdaterError as error:
        sys.exit(f"{FAILURE} {error}")
    redactor = Redactor(Path(stack.directory), env_files=stack.env_files, ordinary=names_of(stack))
    run_redacted(run(settings, stack, redactor, rollout), redactor, FAILURE)


if __name__ == "__main__":
    loading.end()
    main()
