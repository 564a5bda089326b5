"""Two generations of client programs that were written for the previous updater, and how they read answers.

Both wait 900 s for an answer and read every 409 as "an update is in progress". For other statuses the earlier program
reads `status` and `error` of the body; the later one reads `status` only below 400, and `error` from 400 on.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx

LIMIT_SECONDS = 900.0
MORE_FIELDS = {
    "verify_signatures": True,
    "github_repo": "octo/shop",
    "github_token": "a-token-that-no-log-may-have",
    "verify_identity": "https://example.org/release.yml",
    "manifest_asset_name": "release-manifest.json",
}
"""The fields that the later program sends beside `tag` and `version`."""


class Outcome(StrEnum):
    """The result that the program records and shows to its users."""

    SUCCESS = "success"
    ROLLED_BACK = "rolled back"
    FAILED = "failed"


@dataclass(frozen=True)
class Shown:
    outcome: Outcome
    error: str | None = None
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Program:
    """One generation of the program; `http` sends the secret and no Prefer header."""

    http: httpx.AsyncClient
    later: bool = False

    async def apply(self, tag: str, **more: Any) -> Shown:
        body = {"tag": tag, "version": tag.removeprefix("v"), **(MORE_FIELDS if self.later else {}), **more}
        return self._shown(await self.http.post("/update/apply", json=body, timeout=LIMIT_SECONDS))

    async def roll_back(self, sha: str) -> Shown:
        answer = await self.http.post("/update/rollback", json={"previous_sha": sha}, timeout=LIMIT_SECONDS)
        return self._shown(answer)

    def _shown(self, answer: httpx.Response) -> Shown:
        if answer.status_code == httpx.codes.CONFLICT:
            return Shown(Outcome.FAILED, "an update is in progress")
        body = answer.json()
        if self.later and answer.status_code >= httpx.codes.BAD_REQUEST:
            return Shown(Outcome.FAILED, body.get("error"), body)
        status = body.get("status", "failed")
        if status == "success":
            return Shown(Outcome.SUCCESS, None, body)
        outcome = Outcome.ROLLED_BACK if status == "rolled_back" else Outcome.FAILED
        return Shown(outcome, body.get("error", "unknown error"), body)
