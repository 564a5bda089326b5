"""The doctor: this process's own checks, and the worker's checks of the machine."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

from app.api.responses import Doctor
from app.auth.callers import SharedSecret
from app.domain.errors import LedgerUnavailable, SecretUnavailable, WorkerSilent
from app.domain.findings import Check, Verdict
from app.ledger import Ledger
from app.ledger.durability import Memory
from app.queue import Queue
from app.web.internal.call import Given
from app.web.internal.worker_answers import WorkerRefused, ask

MIB = 1024**2
MOST_MEMORY = 0.8
"""The share of Redis' memory above which the doctor warns."""

SHORTEST_SECRET = 16
"""Minimum length of a secret, in characters, so that it cannot be guessed."""


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
            keys = self.secret.keys()
        except SecretUnavailable:
            return Check("secret_file", Verdict.FAILED, "it contains no readable secret", "Check UPDATER_SECRET_PATH.")
        if problem := self.secret.problem():
            return Check("secret_file", Verdict.WARNING, problem, f"Run on the host: {self.secret.remedy()}")
        if any(len(secret) < SHORTEST_SECRET for secret in keys):
            found = f"it contains a secret that is shorter than {SHORTEST_SECRET} characters"
            remedy = "Put a new one (openssl rand -hex 32) on its first line. Then remove the short one."
            return Check("secret_file", Verdict.WARNING, found, remedy)
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
            lacks, memory = await self.ledger.durability(), memory_check(await self.ledger.memory())
        except LedgerUnavailable as away:
            return [Check("redis", Verdict.FAILED, str(away), "Start Redis, or fix REDIS_URL.")]
        if lacks:
            return [Check("redis", Verdict.WARNING, " ".join(lacks)), memory]  # each says what to do
        return [Check("redis", Verdict.OK, "it answers and keeps confirmed writes"), memory]

    async def _worker(self) -> list[Check]:
        try:
            found = (await ask(self.queue, "doctor"))["checks"]
            return [worker_check(check) for check in found]
        except (LedgerUnavailable, WorkerSilent) as away:
            return [Check("worker", Verdict.FAILED, str(away), "Start the worker; its log says why it stopped.")]
        except WorkerRefused as refused:
            return [Check("worker", Verdict.FAILED, f"it could not check the machine: {refused}", "Its log says why.")]


def memory_check(memory: Memory) -> Check:
    """Whether Redis has room: when it is full, it records no release."""
    used = f"{memory.used / MIB:.0f} MiB are used"
    if not memory.most:
        return Check("redis_memory", Verdict.OK, f"{used}; Redis has no maxmemory")
    found = f"{used} of {memory.most / MIB:.0f} MiB (maxmemory)"
    if memory.used < MOST_MEMORY * memory.most:
        return Check("redis_memory", Verdict.OK, found)
    remedy = (
        "When Redis is full, releases are answered with 503. The updater's own part is bounded: raise maxmemory to "
        "160mb or more, and the container's limit with it, or find out what else is in this Redis."
    )
    return Check("redis_memory", Verdict.WARNING, found, remedy)


def worker_check(content: Mapping[str, Any]) -> Check:
    """A check of the worker, which may be of another version: an unknown result counts as a warning."""
    status = content.get("status")
    known = Verdict(status) if status in list(Verdict) else Verdict.WARNING
    name, found, remedy = (str(content.get(field, "")) for field in ("name", "found", "remedy"))
    return Check(name, known, found, remedy)
