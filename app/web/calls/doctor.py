"""The doctor: this process's own checks, and the worker's checks of the machine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

from app.api.responses import Doctor
from app.auth.callers import SharedSecret
from app.domain.errors import LedgerUnavailable, SecretUnavailable, WorkerSilent
from app.domain.findings import Check, Verdict
from app.ledger import Ledger
from app.queue import Queue
from app.web.internal.call import Given
from app.web.internal.worker_answers import WorkerRefused, ask

SHORTEST_SECRET = 16
"""Minimum length of a webhook secret, in characters, so that it cannot be guessed."""


@dataclass(frozen=True)
class CheckUp:
    ledger: Ledger
    queue: Queue
    secret: SharedSecret
    webhook_secrets: Sequence[str]

    async def examine(self, _: Given) -> Response:
        """Runs every check; `status` is the worst result."""
        checks = [self._secret_file(), *self._webhook_secrets(), *await self._redis(), *await self._worker()]
        worst = max((check.status for check in checks), key=lambda status: status.rank)
        return JSONResponse(Doctor(status=worst, checks=tuple(checks)).as_json())

    def _secret_file(self) -> Check:
        try:
            self.secret.keys()
        except SecretUnavailable:
            return Check("secret_file", Verdict.FAILED, "it contains no readable secret", "Check UPDATER_SECRET_PATH.")
        if problem := self.secret.problem():
            return Check("secret_file", Verdict.WARNING, problem, f"Run on the host: {self.secret.remedy()}")
        return Check("secret_file", Verdict.OK, "its permissions are right")

    def _webhook_secrets(self) -> Iterator[Check]:
        if any(len(secret) < SHORTEST_SECRET for secret in self.webhook_secrets):
            yield Check(
                "webhook_secret",
                Verdict.WARNING,
                f"a secret in GITHUB_WEBHOOK_SECRET is shorter than {SHORTEST_SECRET} characters",
                "Create a new one (openssl rand -hex 32), put it first, and set it on GitHub. Then remove the old one.",
            )
        else:
            yield Check("webhook_secret", Verdict.OK, f"{len(self.webhook_secrets)} set, long enough")

    async def _redis(self) -> list[Check]:
        try:
            lacks = await self.ledger.durability()
        except LedgerUnavailable as away:
            return [Check("redis", Verdict.FAILED, str(away), "Start Redis, or fix REDIS_URL.")]
        if lacks:
            return [Check("redis", Verdict.WARNING, " ".join(lacks))]  # each says what to do
        return [Check("redis", Verdict.OK, "it answers and keeps confirmed writes")]

    async def _worker(self) -> list[Check]:
        try:
            found = (await ask(self.queue, "doctor"))["checks"]
            return [Check(**{**check, "status": Verdict(check["status"])}) for check in found]
        except (LedgerUnavailable, WorkerSilent) as away:
            return [Check("worker", Verdict.FAILED, str(away), "Start the worker; its log says why it stopped.")]
        except WorkerRefused:
            return [Check("worker", Verdict.FAILED, "it could not check the machine", "Its log says why.")]
