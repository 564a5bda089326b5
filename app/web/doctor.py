"""The check-up: what this process finds by itself, and what the worker finds on the machine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

from app.auth import SharedSecret
from app.domain.errors import LedgerUnavailable, WorkerSilent
from app.ledger import Ledger
from app.queue import Queue
from app.web.asking import Refused, ask
from app.web.call import Given

SHORTEST_SECRET = 16
"""Characters that a webhook secret needs before guessing it is hopeless."""

Check = dict[str, str | None]
_ORDER = ("ok", "warning", "failed")


def check(name: str, status: str, found: str, remedy: str | None = None) -> Check:
    return {"name": name, "status": status, "found": found, "remedy": remedy}


@dataclass(frozen=True)
class Doctor:
    ledger: Ledger
    queue: Queue
    secret: SharedSecret
    webhook_secrets: Sequence[str]

    async def examine(self, _: Given) -> Response:
        """Every check, each with what to do; `status` is the worst of them."""
        checks = [self._secret_file(), *self._webhook_secrets(), *await self._redis(), *await self._worker()]
        worst = max((str(c["status"]) for c in checks), key=_ORDER.index)
        return JSONResponse({"status": worst, "checks": checks})

    def _secret_file(self) -> Check:
        if not self.secret.keys():
            return check("secret_file", "failed", "no secret can be read from it", "See UPDATER_SECRET_PATH.")
        if problem := self.secret.problem():
            return check("secret_file", "warning", problem, f"Type on the host: {self.secret.remedy()}")
        return check("secret_file", "ok", "only those who should read it can")

    def _webhook_secrets(self) -> Iterator[Check]:
        if any(len(secret) < SHORTEST_SECRET for secret in self.webhook_secrets):
            yield check(
                "webhook_secret",
                "warning",
                f"one of GITHUB_WEBHOOK_SECRET is shorter than {SHORTEST_SECRET} characters",
                "Make a new one (openssl rand -hex 32), put it first, and set it at GitHub; then drop the old one.",
            )
        else:
            yield check("webhook_secret", "ok", f"{len(self.webhook_secrets)} set, long enough")

    async def _redis(self) -> list[Check]:
        try:
            lacks = await self.ledger.durability()
        except LedgerUnavailable as away:
            return [check("redis", "failed", str(away), "Start Redis, or correct REDIS_URL.")]
        if lacks:
            remedy = "Set appendonly yes, appendfsync always and maxmemory-policy noeviction on the server."
            return [check("redis", "warning", " ".join(lacks), remedy)]
        return [check("redis", "ok", "it answers, and what it has answered stays")]

    async def _worker(self) -> list[Check]:
        try:
            return list((await ask(self.queue, "doctor"))["checks"])
        except (LedgerUnavailable, WorkerSilent) as away:
            return [check("worker", "failed", str(away), "Start the worker; its log says why it stopped.")]
        except Refused:
            return [check("worker", "failed", "it could not examine the machine", "Its log says why.")]
