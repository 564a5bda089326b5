import hashlib
import hmac
import os
import time
from pathlib import Path

import httpx
import pytest
from githubkit.webhooks import parse

from app.web.webhook.delivery import check_signature, parse_release
from deploy.bench.__main__ import MEASURES, Name, tables
from deploy.bench.flip import latency_of, lost_percent
from deploy.bench.method.bare import bare_app
from deploy.bench.method.client import Run
from deploy.bench.method.figures import compare
from deploy.bench.method.proc import cpu_ms, memory_mib, memory_of
from deploy.bench.method.servers import HOOK_PATH, Missing, hook, webhook_binary
from deploy.bench.receiver import UNITS, delivery, figures_of
from deploy.bench.signature import recorded_body
from deploy.demo.environment import WEBHOOK_SECRET
from deploy.demo.listening import listening
from deploy.demo.processes import free_port

ROLLUP = """\
55d0c0000000-7ffd00000000 ---p 00000000 00:00 0                          [rollup]
Rss:               57344 kB
Pss:               43520 kB
Pss_Dirty:         41000 kB
"""


@pytest.mark.parametrize(("signature", "status"), [("right", 200), ("wrong", 401)])
async def test_the_bare_receiver_checks_the_signature(signature: str, status: int) -> None:
    body = b"{}"
    digest = hmac.new(b"right", body, hashlib.sha256).hexdigest()
    transport = httpx.ASGITransport(bare_app(signature.encode()))
    async with httpx.AsyncClient(transport=transport, base_url="http://bare") as client:
        answer = await client.post(HOOK_PATH, content=body, headers={"X-Hub-Signature-256": f"sha256={digest}"})
    assert answer.status_code == status


def test_delivery_is_valid_for_the_receiver() -> None:
    head, _, body = delivery(7).partition(b"\r\n\r\n")
    (signature,) = [
        line.split(": ")[1] for line in head.decode().split("\r\n") if line.startswith("X-Hub-Signature-256")
    ]
    check_signature(body, signature, [WEBHOOK_SECRET])
    assert (parse_release(body).release_id, parse_release(body).tag) == (7, "v1.0.7")


def test_phase_yields_the_benchmarks_figures() -> None:
    run = Run(seconds=2, latencies_ms=[float(n) for n in range(1, 201)])
    assert figures_of("duplicate", run) == {
        "duplicate: throughput": 100,
        "duplicate: median": 100,
        "duplicate: p99": 198,
    }
    assert figures_of("duplicate", run).keys() < UNITS.keys()


def test_both_models_parse_the_recorded_body() -> None:
    assert parse("release", recorded_body()).action == parse_release(recorded_body()).action == "published"


def test_hook_checks_the_signature_first() -> None:
    assert hook("s")["trigger-rule"] == {
        "match": {
            "type": "payload-hmac-sha256",
            "secret": "s",
            "parameter": {"source": "header", "name": "X-Hub-Signature-256"},
        }
    }


def test_missing_reference_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="adnanh/webhook is missing"):
        webhook_binary(tmp_path, print)


def test_process_without_a_port_shows_its_output(tmp_path: Path) -> None:
    command = ["python", "-c", "raise SystemExit('no port for me')"]
    with (
        pytest.raises(RuntimeError, match="no port for me"),
        listening(command, {}, free_port(), tmp_path / "it.log"),
    ):
        pass


def test_memory_is_read_in_mebibytes() -> None:
    assert memory_mib(ROLLUP) == {"Rss": 56, "Pss": 42.5}
    assert 0 < memory_of(os.getpid())["Pss"] <= memory_of(os.getpid())["Rss"]


def test_cpu_time_is_of_the_given_process() -> None:
    before, read = time.process_time() * 1000, cpu_ms(os.getpid())
    assert before <= read <= time.process_time() * 1000


@pytest.mark.parametrize(("statuses", "percent"), [({200: 4}, 0), ({200: 3, 404: 1}, 25), ({0: 1, 502: 1}, 100)])
def test_request_without_a_200_counts_as_lost(statuses: dict[int, int], percent: float) -> None:
    run = Run()
    run.statuses.update(statuses)
    assert lost_percent(run) == percent


def test_longest_flip_is_a_figure_of_its_own() -> None:
    assert list(latency_of([60.0, 240.0, 80.0]).values()) == [80, 240]


def test_every_benchmark_has_a_measure() -> None:
    assert MEASURES.keys() == set(Name)


def test_each_reference_has_its_own_table() -> None:
    figures = [
        compare([1.0], [2.0], bench="b", figure=figure, unit="ms", reference_name=reference)
        for reference in ("one", "parse('release', [any])")
        for figure in ("median", "p99")
    ]
    shown = list(tables(figures))
    assert [table.row_count for table in shown] == [2, 2]
