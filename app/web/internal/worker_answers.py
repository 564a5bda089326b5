"""Sends questions to the worker and maps its errors to HTTP statuses."""

from typing import Any

from app.queue import Queue

STATUS_OF = {
    "tag_invalid": 400,
    "tag_not_found": 404,
    "tag_moved": 409,
    "release_not_kept": 404,
    "already_live": 404,
    "unknown_rollout": 404,
    "not_waiting": 404,
    "approval_not_needed": 409,
    "signature_refused": 409,
    "rollout_running": 409,
    "too_late": 409,
    "cannot_roll_back": 409,
    "nobody_is_told": 409,
}
"""The HTTP status of each error code of the worker; every other code becomes BEHIND."""

BEHIND = 502


class WorkerRefused(Exception):
    """The worker did not carry out the call; `status`, `text` and `code` are those of the answer."""

    def __init__(self, status: int, text: str, code: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.code = code


async def ask(queue: Queue, question: str, *args: Any) -> dict[str, Any]:
    """The worker's answer. Raises WorkerRefused if it is an error, WorkerSilent, LedgerUnavailable."""
    answer = await queue.ask(question, *args)
    if "error" in answer:
        code = str(answer["code"])
        raise WorkerRefused(STATUS_OF.get(code, BEHIND), str(answer["error"]), code)
    return answer
