"""The units of deploy/systemd, checked with systemd's own tools."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from app.config.settings import Settings, WebSettings, WorkerSettings
from deploy.demo.processes import ROOT, procfile_commands

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
PYTHON = "/opt/zetherion-updater/.venv/bin/python"
ANALYZE_SECONDS = 300
MOST_EXPOSED = 2.0
"""The exposure from `systemd-analyze security`: 0 is none, 10 is full; a service without settings has 9.6."""

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="not available here: systemd-analyze")


def analyze(*words: str) -> str:
    done = subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, check=False, timeout=ANALYZE_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_finds_nothing_wrong_in_the_unit(unit: Path, tmp_path: Path) -> None:
    """The test replaces the unit's Python with this environment's."""
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace(PYTHON, sys.executable))
    assert unit.name not in analyze("verify", str(copy))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_unit_is_hardened(unit: Path) -> None:
    report = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED * 10:.0f}", str(unit))
    assert "Overall exposure level" in report


@pytest.mark.parametrize(("unit", "settings"), [("web", WebSettings), ("worker", WorkerSettings)])
def test_missing_optional_secret_does_not_stop_the_unit(unit: str, settings: type[Settings]) -> None:
    """systemd fails the unit if the file of a LoadCredential is missing and no SetCredential replaces it."""
    lines = (ROOT / "deploy" / "systemd" / f"zetherion-updater-{unit}.service").read_text().splitlines()
    values = [line.partition("=")[2] for line in lines if line.startswith(("LoadCredential=", "SetCredential="))]
    assert values
    times = Counter(value.partition(":")[0] for value in values)
    required = {field.alias for field in settings.model_fields.values() if field.is_required()}
    assert times == {name: 1 if name.upper().replace("-", "_") in required else 2 for name in times}


def test_blank_credential_counts_as_unset(tmp_path: Path) -> None:
    (line,) = [one for one in UNITS[1].read_text().splitlines() if one.startswith("SetCredential=")]
    (tmp_path / "token").write_text(line.partition(":")[2].encode().decode("unicode_escape"))
    environ = {"REDIS_URL": "redis://h", "UPDATER_TRAEFIK_DYNAMIC_PATH": "/x", "GITHUB_TOKEN_FILE": f"{tmp_path}/token"}
    assert WorkerSettings.from_environ(environ).github_token is None


def test_units_run_the_procfile_commands() -> None:
    lines = [line for unit in UNITS for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    wanted = procfile_commands((ROOT / "Procfile").read_text()).values()
    assert sorted(lines) == sorted(f"ExecStart={PYTHON} {' '.join(words[1:])}" for words in wanted)
