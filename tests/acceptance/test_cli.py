"""The command line in complete rollouts on real parts, as an operator uses it."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass

import pytest

from deploy.demo.environment import Environment
from deploy.demo.processes import ROOT
from deploy.demo.repository import Variant

pytestmark = pytest.mark.engine

LIMIT = 300.0


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str


async def updater(home: Environment, *words: str) -> Finished:
    """Runs `updater WORDS` to its end."""
    env = {
        **os.environ,
        "UPDATER_URL": home.internal_url,
        "UPDATER_SECRET_PATH": str(home.directory / "data" / "secret"),
        "COLUMNS": "200",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", *words),
        cwd=ROOT,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(LIMIT):
        out, err = await process.communicate()
    return Finished(process.returncode or 0, out.decode(), err.decode())


async def test_operator_plans_deploys_and_rolls_back(home: Environment) -> None:
    for tag in ("v1.0.0", "v1.1.0"):
        home.release(tag)
        deployed = await updater(home, "deploy", tag, "--json")
        assert (deployed.code, json.loads(deployed.out)["status"]) == (0, "success"), deployed.err
    status = await updater(home, "status")
    assert (status.code, "v1.1.0" in status.out, "green" in status.out) == (0, True, True)
    home.release("v1.2.0", change=("skills",))
    plan = await updater(home, "plan", "v1.2.0")
    assert plan.code == 0, plan.err
    for part in ("v1.2.0", "skills-blue", "api-blue", "green", "bot"):
        assert part in plan.out
    doctor = await updater(home, "doctor")
    assert doctor.code == 0, doctor.out
    assert "COMPOSE_FILE" in doctor.out
    back = await updater(home, "rollback")
    assert (back.code, "v1.0.0" in back.out) == (0, True), back.err
    logs = await updater(home, "logs")
    assert "recall_release: done" in logs.out
    refused = await updater(home, "deploy", "v1.2.0")
    assert (refused.code, "unpause" in refused.err) == (4, True)
    history = await updater(home, "history", "--json")
    assert [(e["tag"], e["result"]) for e in json.loads(history.out)["entries"]] == [
        ("v1.0.0", "success"),
        ("v1.1.0", "success"),
        ("v1.0.0", "success"),
    ]


async def test_failed_deploy_reports_why_and_exits_1(home: Environment) -> None:
    await home.go_live("v1.0.0")
    home.release("v1.1.0", Variant.UNHEALTHY)
    failed = await updater(home, "deploy", "v1.1.0")
    assert failed.code == 1
    for part in ("health_skills", "HTTP 503", "v1.0.0"):
        assert part in failed.out + failed.err
