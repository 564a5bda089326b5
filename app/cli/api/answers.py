"""HTTP errors of the internal listener, as errors of the command line."""

from http import HTTPStatus

import httpx

from app.cli.errors import CannotReach, CommandError, NotAllowed, Refused, WrongUse
from app.cli.views.text import plain

_NEXT: dict[int, str] = {
    HTTPStatus.NOT_FOUND: "Check the name: `updater history` lists what has been, the repository has the tags.",
    HTTPStatus.CONFLICT: "`updater status` says what runs now.",
    HTTPStatus.BAD_GATEWAY: "Fix what it names, then ask again.",
}

_NOT_THE_UPDATER = {"", "not_found", "method_not_allowed"}
"""The codes of a path that is not there, as the public listener has it, and of no code of ours at all."""


def problem(answer: httpx.Response) -> CommandError:
    """What an answer that is no success means for the one who asked."""
    text, code = _said(answer)
    status = answer.status_code
    if code in _NOT_THE_UPDATER:
        return CannotReach(
            f"What answers there is not the updater's internal listener ({text}).",
            "Set UPDATER_URL to it; the web process's UPDATER_BIND says where it is.",
            code="not_the_updater",
        )
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.LOCKED}:
        return _not_allowed(status, text, code)
    if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}:
        return CannotReach(
            f"The web process answers, what is behind it does not: {text}.",
            "Are Redis and the worker running? Then ask again; `updater doctor` checks.",
            traffic="Traffic is not touched by this.",
            code=code,
        )
    if code == "not_newer":
        return Refused(f"The updater refused: {text}.", "`updater deploy --force` goes there.", code=code)
    if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}:
        return WrongUse(f"The updater cannot use this: {text}.", "Correct it and ask again.", code=code)
    return Refused(f"The updater refused: {text}.", _NEXT.get(status, "Its log has more."), code=code)


def _not_allowed(status: int, text: str, code: str) -> NotAllowed:
    if status == HTTPStatus.UNAUTHORIZED:
        return NotAllowed(
            "The updater does not accept this secret or token.",
            "Compare UPDATER_SECRET_PATH with the web process's own; a token may have expired: `updater token`.",
            code=code,
        )
    if status == HTTPStatus.FORBIDDEN:
        return NotAllowed(
            f"This token may not do that: {text}.", "Make one with `updater token --scope operate`.", code=code
        )
    return NotAllowed(
        f"The updater is paused: {text}",
        "Fix the reason, then `updater unpause`; or deploy the tag with --force.",
        traffic="Nothing was started; traffic is as it was.",
        code=code,
    )


def _said(answer: httpx.Response) -> tuple[str, str]:
    """The text, without its full stop, and the code of an error answer."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or not body.get("error"):
        return f"HTTP {answer.status_code}", ""
    return plain(body["error"]).strip().removesuffix("."), plain(body.get("code") or "refused")
