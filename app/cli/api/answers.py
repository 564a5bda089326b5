"""HTTP errors of the internal listener, as errors of the command line."""

from http import HTTPStatus

import httpx

from app.cli.errors import CannotReach, CommandError, NotAllowed, Refused, WrongUse
from app.cli.views.text import plain

_NEXT: dict[int, str] = {
    HTTPStatus.NOT_FOUND: "Check the name: `updater history` lists past rollouts, the repository lists the tags.",
    HTTPStatus.CONFLICT: "`updater status` shows what is running.",
    HTTPStatus.BAD_GATEWAY: "Fix this, then retry.",
}

_REDIS_OR_WORKER = (
    "Redis or the worker does not",
    "Check that both are running, for example with `updater doctor`. Then retry.",
)
_AWAY = {"secret_unavailable": ("lets no caller in", "Its log says why. Fix that, then retry.")}
"""What does not answer, and what to do, by the code of a 503."""

_NOT_THE_UPDATER = {"", "not_found", "method_not_allowed"}
"""The codes of an unknown path or method, as the public listener answers them, and of an answer without a code."""


def problem(answer: httpx.Response) -> CommandError:
    """The error that an unsuccessful answer means for the caller."""
    text, code = _text_and_code(answer)
    status = answer.status_code
    if code in _NOT_THE_UPDATER:
        return CannotReach(
            f"The server at UPDATER_URL is not the updater's internal listener ({text}).",
            "Set UPDATER_URL to the address in the web process's UPDATER_BIND.",
            code="not_the_updater",
        )
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.LOCKED}:
        return _not_allowed(status, text, code)
    if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}:
        return _unavailable(text, code)
    if code == "not_newer":
        return Refused(f"The updater refused: {text}.", "`updater deploy --force` deploys it anyway.", code=code)
    if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}:
        return WrongUse(f"The request is invalid: {text}.", "Correct it and retry.", code=code)
    return Refused(f"The updater refused: {text}.", _NEXT.get(status, "Check the updater's log."), code=code)


def _unavailable(text: str, code: str) -> CannotReach:
    what, todo = _AWAY.get(code, _REDIS_OR_WORKER)
    traffic = "Your traffic is not affected."
    return CannotReach(f"The web process answers, but {what}: {text}.", todo, traffic=traffic, code=code)


def _not_allowed(status: int, text: str, code: str) -> NotAllowed:
    if status == HTTPStatus.UNAUTHORIZED:
        return NotAllowed(
            "The updater does not accept this secret or token.",
            "Check that UPDATER_SECRET_PATH is the web process's file. If a token expired, make one: `updater token`.",
            code=code,
        )
    if status == HTTPStatus.FORBIDDEN:
        return NotAllowed(
            f"This token does not allow that: {text}.", "Make a token with `updater token --scope operate`.", code=code
        )
    return NotAllowed(
        f"The updater is paused: {text}",
        "Fix the reason, then run `updater unpause`. Or deploy the tag with --force.",
        traffic="Nothing was started. Your traffic is not affected.",
        code=code,
    )


def _text_and_code(answer: httpx.Response) -> tuple[str, str]:
    """The text, without its full stop, and the code of an error answer."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or not body.get("error"):
        return f"HTTP {answer.status_code}", ""
    return plain(body["error"]).strip().removesuffix("."), plain(body.get("code") or "refused")
