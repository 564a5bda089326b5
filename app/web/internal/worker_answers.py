"""Asks the worker, and turns its errors into HTTP answers."""

from typing import Any

from app.queue import Queue

STATUS_OF = {
    "tag_invalid": 400,
    "tag_not_found": 404,
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
"""Whatever else the worker could not do is a fault behind this process."""

BEHIND = 502


class WorkerRefused(Exception):
    """The call is not carried out: `status`, `text` and `code` of the answer say why."""

    def __init__(self, status: int, text: str, code: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.code = code


async def ask(queue: Queue, question: str, *args: Any) -> dict[str, Any]:
    """The worker's answer. Raises Refused when it is an error, WorkerSilent, LedgerUnavailable."""
    answer = await queue.ask(question, *args)
    if "error" in answer:
        code = str(answer["code"])
        raise WorkerRefused(STATUS_OF.get(code, BEHIND), str(answer["error"]), code)
    return answer
