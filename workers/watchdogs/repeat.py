"""The loop of a watchdog, and what it does when a rollout may begin."""

from collections.abc import Awaitable, Callable

import structlog

from app.domain.errors import StaleWorker, UpdaterError
from workers.control.reconcile import Reconciler
from workers.ports import Clock

log = structlog.get_logger()


async def repeat(
    look: Callable[[], Awaitable[None]],
    failed: str,
    *,
    every: float,
    clock: Clock,
    replaced: Callable[[], bool] = lambda: False,
) -> None:
    """Looks every `every` seconds until it is cancelled, or another worker has taken over. No error ends it.

    `failed`: what is logged if a look raises, without "retrying".
    """
    while not replaced():
        try:
            await look()
        except StaleWorker:
            return
        except UpdaterError as error:
            log.warning(f"{failed}; retrying", reason=str(error))
        except Exception:
            log.exception(f"{failed}; retrying")
        await clock.sleep(every)


async def close_difference(reconciler: Reconciler, what: str) -> None:
    """Rolls out what may begin now. `what`: the release, as the log names it if that raises."""
    try:
        await reconciler.reconcile()
    except StaleWorker:
        log.info("another worker has taken over")
    except Exception:
        log.exception(f"could not roll out {what}; retrying at the next look")
