"""`signature`: our own small model against githubkit's typed events, per body and at import."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import githubkit.webhooks

from app.web.webhook.delivery import check_signature, parse_release
from app.web.webhook.headers import signature_in
from deploy.bench.method.figures import Figure, Rounds, turns
from deploy.demo.docker.engine import Say
from deploy.demo.environment import WEBHOOK_SECRET
from deploy.demo.github.delivery import signed_headers
from deploy.demo.processes import ROOT

BENCH = "signature"
RECORDED = ROOT / "tests" / "samples" / "github" / "release.published.json"
LATER_FIELDS = {"immutable": False, "updated_at": "2019-05-15T15:20:53Z"}
"""githubkit's typed model rejects recorded deliveries that predate these fields; ours does not need them."""

BODIES = 500
IMPORT_SECONDS = 120

OURS = "ours"
TYPED = "githubkit verify and parse('release', …)"
RELEASE_EVENTS = "githubkit.webhooks and its release events"
ALL_EVENTS = "githubkit.webhooks and all its events"
PER_BODY = {"verify and parse": "µs"}
AT_IMPORT = {"import": "s", "resident memory": "MiB"}

IMPORTS = {
    OURS: "import app.main",
    RELEASE_EVENTS: "import githubkit.webhooks as w; from githubkit.webhooks import verify; w.parse('release', BODY)",
    ALL_EVENTS: "import githubkit.webhooks as w; w.parse_without_name(BODY)",
}
PROBE = """
import sys, time
BODY = sys.stdin.buffer.read()
started = time.perf_counter()
{statement}
seconds = time.perf_counter() - started
fields = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(seconds, int(fields["VmRSS"].split()[0]) / 1024)
"""


def measure(rounds: int, say: Say) -> Iterator[Figure]:
    """Measures the bodies in this process, and each import in a new interpreter."""
    body = recorded_body()
    yield from _per_body(body, rounds, say).figures(BENCH, OURS, TYPED, PER_BODY)
    imports = _imports(body, rounds, say)
    for reference in (RELEASE_EVENTS, ALL_EVENTS):
        yield from imports.figures(BENCH, OURS, reference, AT_IMPORT)


def recorded_body() -> bytes:
    """Returns a recorded delivery that both models accept."""
    event = json.loads(RECORDED.read_bytes())
    event["release"] = LATER_FIELDS | event["release"]
    return json.dumps(event).encode()


def _per_body(body: bytes, rounds: int, say: Say) -> Rounds:
    signature = signed_headers(body, WEBHOOK_SECRET)["X-Hub-Signature-256"]

    def ours() -> None:
        check_signature(body, signature_in([signature]), [WEBHOOK_SECRET])
        parse_release(body)

    def typed() -> None:
        if not githubkit.webhooks.verify(WEBHOOK_SECRET, body, signature):
            raise RuntimeError("githubkit rejects the signature")
        githubkit.webhooks.parse("release", body)

    contenders, results = {OURS: ours, TYPED: typed}, Rounds()
    for once in contenders.values():
        once()
    for number, turn in enumerate(turns(list(contenders), rounds), 1):
        say(f"{BENCH}: round {number} of {rounds}: per body")
        for name in turn:
            results.add(name, {"verify and parse": _microseconds(contenders[name])})
    return results


def _microseconds(once: Callable[[], None]) -> float:
    started = time.perf_counter()
    for _ in range(BODIES):
        once()
    return (time.perf_counter() - started) / BODIES * 1e6


def _imports(body: bytes, rounds: int, say: Say) -> Rounds:
    results = Rounds()
    for name in IMPORTS:
        _import(name, body)  # warm up: afterwards the files are cached and compiled
    for number, turn in enumerate(turns(list(IMPORTS), rounds), 1):
        for name in turn:
            say(f"{BENCH}: round {number} of {rounds}: import: {name}")
            results.add(name, _import(name, body))
    return results


def _import(name: str, body: bytes) -> dict[str, float]:
    command = [sys.executable, "-c", PROBE.format(statement=IMPORTS[name])]
    done = subprocess.run(command, cwd=ROOT, input=body, capture_output=True, check=True, timeout=IMPORT_SECONDS)
    seconds, mebibytes = map(float, done.stdout.split())
    return {"import": seconds, "resident memory": mebibytes}
