"""The stack's client of the updater, with the old client's calls, header, time limits and parsing of answers.

It uses only the standard library, because it also runs inside a container of the stack:
`python3 -c "<this file>" <url> <secret file> <call> <arguments as JSON>`, and prints its outcome as JSON.
"""

import json
import sys
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

ROLLOUT_SECONDS = 900.0
"""How long the client waits for the answer to apply and rollback."""

CALL_SECONDS = 30.0
IN_PROGRESS = 409
SUCCESS, ROLLED_BACK, FAILED = "success", "rolled_back", "failed"

Json = dict[str, object]


@dataclass(frozen=True)
class Outcome:
    """The client's result: `status` is success, rolled_back or failed; `code` is the HTTP status, 0 for no answer."""

    status: str
    error: str | None = None
    previous_sha: str | None = None
    new_sha: str | None = None
    steps_completed: tuple[str, ...] = ()
    health_check_passed: bool | None = None
    code: int = 0


@dataclass(frozen=True)
class Client:
    """Calls the updater at `url` with the shared secret."""

    url: str
    secret: str

    def apply(self, tag: str, version: str | None = None, more: Json | None = None) -> Outcome:
        """Requests a release and waits for its end. `more`: fields that later clients send beside tag and version."""
        body = {"tag": tag, "version": version or tag.removeprefix("v"), **(more or {})}
        try:
            code, answer = self._call("POST", "/update/apply", body, ROLLOUT_SECONDS)
        except OSError as error:
            return Outcome(FAILED, f"Cannot reach updater sidecar: {error}")
        if code == IN_PROGRESS:
            return Outcome(FAILED, "Update already in progress", code=code)
        return self._outcome(code, answer)

    def rollback(self, previous_sha: str) -> Outcome:
        """Requests a rollback to a commit and waits; only the status `success` counts as success."""
        try:
            code, answer = self._call("POST", "/update/rollback", {"previous_sha": previous_sha}, ROLLOUT_SECONDS)
        except OSError as error:
            return Outcome(FAILED, f"Cannot reach updater sidecar: {error}")
        return self._outcome(code, answer)

    def unpause(self) -> bool:
        """Whether the updater reports that it resumed."""
        code, answer = self._call("POST", "/update/unpause", {}, CALL_SECONDS)
        return code == 200 and answer.get("resumed") is True and answer.get("status") == "ok"

    def status(self) -> Json:
        return self._call("GET", "/status", None, CALL_SECONDS)[1]

    def diagnostics(self) -> Json:
        return self._call("GET", "/diagnostics", None, CALL_SECONDS)[1]

    def history(self) -> Json:
        return self._call("GET", "/update/history", None, CALL_SECONDS)[1]

    @staticmethod
    def _outcome(code: int, answer: Json) -> Outcome:
        status = answer.get("status", FAILED)
        success, rolled_back = status == SUCCESS, status == ROLLED_BACK
        named = SUCCESS if success else ROLLED_BACK if rolled_back else FAILED
        unnamed = "health check failed" if rolled_back else "unknown error"
        steps = answer.get("steps_completed") or []
        return Outcome(
            status=named,
            error=None if success else str(answer.get("error", unnamed)),
            previous_sha=_text(answer.get("previous_sha")),
            new_sha=_text(answer.get("new_sha")),
            steps_completed=tuple(str(step) for step in steps) if isinstance(steps, list) else (),
            health_check_passed=True if success else False if rolled_back else None,
            code=code,
        )

    def _call(self, method: str, path: str, body: Json | None, limit: float) -> tuple[int, Json]:
        """Returns the status and JSON of the answer. Raises OSError without an answer, ValueError if it is not JSON."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"X-Updater-Secret": self.secret, "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=limit) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.load(refused)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def main(url: str, secret_file: str, call: str, arguments: str) -> None:
    client = Client(url, Path(secret_file).read_text().strip())
    answer = getattr(client, call)(*json.loads(arguments))
    print(json.dumps(asdict(answer) if isinstance(answer, Outcome) else answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
