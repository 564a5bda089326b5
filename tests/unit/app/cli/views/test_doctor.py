from pathlib import Path

from app.cli.errors import CannotReach
from app.cli.views.doctor import (
    doctor_lines,
    failed,
    local_checks,
)
from app.domain.findings import Check, Verdict

WHY = CannotReach("The updater does not answer.", "Start it.")
COMMITTED = Path(__file__).parents[5] / "config" / "stack.yml"


def test_check_prints_a_line_and_a_remedy() -> None:
    checks = [
        Check("redis", Verdict.OK, "it answers", "not shown"),
        Check("disk", Verdict.WARNING, "2.0 GB free", "Make room."),
        Check("traefik_mount", Verdict.FAILED, "the file is mounted", "Mount the directory."),
    ]
    assert list(doctor_lines(checks)) == [
        "ok       redis          it answers",
        "warning  disk           2.0 GB free",
        "                        → Make room.",
        "FAILED   traefik_mount  the file is mounted",
        "                        → Mount the directory.",
        "",
        "1 OK, 1 warnings, 1 failed.",
    ]
    assert failed(checks)
    assert not failed(checks[:2])


def test_a_check_needs_no_remedy() -> None:
    assert next(doctor_lines([Check("x", Verdict.WARNING, "odd")])) == "warning  x  odd"


def local(tmp_path: Path, **environ: str) -> dict[str, Check]:
    settings = {"UPDATER_SECRET_PATH": str(tmp_path / "secret"), "UPDATER_STACK_FILE": str(COMMITTED), **environ}
    return {each.name: each for each in local_checks(settings, WHY)}


def test_local_checks_cover_url_secret_and_stack(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the-secret\n")
    (tmp_path / "secret").chmod(0o600)
    found = local(tmp_path)
    assert {name: each.status for name, each in found.items()} == {
        "updater": "failed",
        "UPDATER_URL": "ok",
        "UPDATER_SECRET_PATH": "ok",
        "UPDATER_STACK_FILE": "ok",
    }
    assert "zetherion-ai from zetherion/zetherion-ai (skills, api, bot)" in found["UPDATER_STACK_FILE"].found
    assert "the-secret" not in str(found)


def test_secret_readable_by_others_fails(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the-secret\n")
    for mode, status in ((0o640, "ok"), (0o644, "failed"), (0o660, "failed"), (0o601, "failed")):
        (tmp_path / "secret").chmod(mode)
        assert local(tmp_path)["UPDATER_SECRET_PATH"].status == status, oct(mode)


def test_failed_local_check_has_a_remedy(tmp_path: Path) -> None:
    stack = tmp_path / "stack.yml"
    stack.write_text("project: Shop\n")
    found = local(tmp_path, UPDATER_URL="nonsense", UPDATER_STACK_FILE=str(stack))
    wrong = {name for name, each in found.items() if each.status == "failed" and each.remedy}
    assert wrong == {"updater", "UPDATER_URL", "UPDATER_SECRET_PATH", "UPDATER_STACK_FILE"}
    assert "repository: is missing" in found["UPDATER_STACK_FILE"].found


def test_token_replaces_the_secret(tmp_path: Path) -> None:
    assert local(tmp_path, UPDATER_TOKEN="x")["UPDATER_TOKEN"].status == "ok"
