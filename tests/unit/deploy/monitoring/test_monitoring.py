"""The dashboard and the alerts ask only what /metrics has, and their files fit together."""

import json
from collections import Counter
from typing import Any

import pytest
import yaml

from app.web.calls.exposition import Facts, render
from deploy.outdated.pins import COMPOSE_FILES
from tests.examples import a_history_entry, a_status
from tests.promql import ALERTS, DASHBOARD, JOB, MONITORING, Exposed, Question, exposed, problems, questions
from tests.unit.app.web.calls.test_exposition import MEASURED, STATUS

Json = dict[str, Any]
COMPOSE: Json = yaml.safe_load((MONITORING / "docker-compose.yml").read_text())
PROMETHEUS: Json = yaml.safe_load((MONITORING / "prometheus" / "prometheus.yml").read_text())
PROVISIONING = MONITORING / "grafana" / "provisioning"
BOARD: Json = json.loads(DASHBOARD.read_text())
RULES: list[Json] = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
PAGE = (MONITORING.parents[1] / "docs" / "monitoring.md").read_text()
EVERYTHING = {
    **STATUS,
    "last_result": MEASURED,
    "current": {"tag": "v1.1.0", "sha": "ab"},
    "disk": {"free_bytes": 7, "needed_bytes": 5},
}


@pytest.fixture(scope="module")
def metrics() -> Exposed:
    """Of a stack of which everything is known."""
    history = [a_history_entry("r-1", duration_seconds=40.0)]
    return exposed(render(Facts(a_status(**EVERYTHING), history, 1, Counter(accepted=1))).decode())


@pytest.mark.parametrize("question", [*questions()], ids=lambda question: question.where)
def test_each_question_can_be_answered(metrics: Exposed, question: Question) -> None:
    assert problems(question, metrics) == []


@pytest.mark.parametrize(
    ("expression", "shown", "problem"),
    [
        ("updater_pausd == 1", "", "updater_pausd is not in /metrics"),
        ("rate(updater_delivries_total[5m])", "", "updater_delivries_total is not in /metrics"),
        ('updater_state{stat="idle"}', "", "no sample of updater_state has stat=idle"),
        ('updater_state{state="sleeping"}', "", "no sample of updater_state has state=sleeping"),
        ('updater_state{state=~"idle|gone"}', "", "no sample of updater_state has state=gone"),
        ('up{job="updater"}', "", "up has no job updater"),
        ("sum by (colour) (updater_active_color)", "", "no metric here has the label colour"),
        ("updater_paused and on (stack) updater_worker_up", "", "no metric here has the label stack"),
        ("updater_active_color", "colour", "no metric here has the label colour"),
        ("(time() - updater_nothing) and (updater_paused > 0)", "", "updater_nothing is not in /metrics"),
    ],
)
def test_a_wrong_name_is_found(metrics: Exposed, expression: str, shown: str, problem: str) -> None:
    labels = frozenset({shown} if shown else ())
    assert problems(Question("panel", expression, labels), metrics) == [f"panel: {problem}"]


@pytest.mark.parametrize("expression", ["updater_paused ==", "sum by (updater_paused", "updater_paused[5m", "{}"])
def test_what_is_no_promql_is_found(metrics: Exposed, expression: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        problems(Question("panel", expression), metrics)


def test_every_metric_is_documented(metrics: Exposed) -> None:
    assert {name for name in metrics if name.startswith("updater_") and f"`{name}" not in PAGE} == set()


def test_every_alert_is_documented_and_says_what_to_do() -> None:
    for rule in RULES:
        assert f"`{rule['alert']}`" in PAGE
        assert {"summary", "description"} == set(rule["annotations"])
        assert "raffic" in rule["annotations"]["description"] or "ollout" in rule["annotations"]["description"]
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


def test_panels_have_names_places_and_the_provisioned_source() -> None:
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())["datasources"]
    panels = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
    assert {target["datasource"]["uid"] for panel in panels for target in panel["targets"]} == {source["uid"]}
    assert {variable["datasource"]["uid"] for variable in BOARD["templating"]["list"]} == {source["uid"]}
    assert all(panel["description"] for panel in panels)
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_no_panel_covers_another() -> None:
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in BOARD["panels"]):
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_files_fit_the_compose_file() -> None:
    prometheus, grafana = COMPOSE["services"]["prometheus"], COMPOSE["services"]["grafana"]
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "updater.yml").read_text())["providers"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/{DASHBOARD.name}"
    assert "./prometheus:/etc/prometheus:ro" in prometheus["volumes"]
    assert PROMETHEUS["rule_files"] == [ALERTS.name]
    (scrape,) = PROMETHEUS["scrape_configs"]
    assert scrape["job_name"] == JOB
    assert scrape["authorization"]["credentials_file"] == f"/run/secrets/{prometheus['secrets'][0]}"
    assert grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD__FILE"] == f"/run/secrets/{grafana['secrets'][0]}"
    assert all(f"secrets/{name}" in PAGE for name in COMPOSE["secrets"])


def test_only_grafana_is_published_and_only_on_this_machine() -> None:
    ports = {name: service.get("ports", []) for name, service in COMPOSE["services"].items()}
    assert ports == {"prometheus": [], "grafana": ["127.0.0.1:3000:3000"]}
    for service in COMPOSE["services"].values():
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])


def test_images_are_looked_after() -> None:
    assert "deploy/monitoring/docker-compose.yml" in COMPOSE_FILES
    assert all(service["image"].count(":") == 1 for service in COMPOSE["services"].values())
