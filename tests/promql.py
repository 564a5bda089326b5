"""What the dashboard and the alerts in deploy/monitoring/ ask, compared with what /metrics has."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import promql_parser
import yaml
from prometheus_client.parser import text_string_to_metric_families

from deploy.demo.processes import ROOT

MONITORING = ROOT / "deploy" / "monitoring"
DASHBOARD = MONITORING / "grafana" / "dashboards" / "updater.json"
ALERTS = MONITORING / "prometheus" / "alerts.yml"

OF_PROMETHEUS = {"job", "instance"}
"""The labels that Prometheus adds to each sample. https://prometheus.io/docs/concepts/jobs_instances/"""

JOB = "zetherion-updater"
_SHOWN_LABEL = re.compile(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}")
_VARIABLE = re.compile(r"\$\w+")


@dataclass(frozen=True)
class Question:
    """An expression, where it is, and the labels that its texts show."""

    where: str
    expression: str
    shown: frozenset[str] = frozenset()

    @property
    def parsed(self) -> promql_parser.Expr:
        """With each variable of the dashboard as it is for all. Raises ValueError if it is not PromQL."""
        return promql_parser.parse(_VARIABLE.sub(".*", self.expression))


Exposed = Mapping[str, Sequence[Mapping[str, str]]]
"""The labels of each sample, by the name of the metric; none: the metric has no sample now."""


def exposed(text: str) -> Exposed:
    """What an answer of /metrics has, and what Prometheus itself adds."""
    found: dict[str, list[Mapping[str, str]]] = {"up": [{}]}
    for family in text_string_to_metric_families(text):
        found.setdefault(f"{family.name}_total" if family.type == "counter" else family.name, [])
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def questions() -> Iterator[Question]:
    """Everything that is asked."""
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield Question(panel["title"], target["expr"], _shown(target["legendFormat"]))
    for annotation in dashboard["annotations"]["list"]:
        yield Question(annotation["name"], annotation["expr"], _shown(annotation["textFormat"]))
    for variable in dashboard["templating"]["list"]:
        name, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()  # type: ignore[union-attr]
        yield Question(f"${variable['name']}", name, frozenset({label}))
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            yield Question(rule["alert"], rule["expr"], _shown(" ".join(rule["annotations"].values())))


def problems(question: Question, metrics: Exposed) -> list[str]:
    """What the expression names and `metrics` does not have."""
    selected, labels = _named(question.parsed)
    found = [problem for selector in selected for problem in _unmatched(selector, metrics)]
    known = {*OF_PROMETHEUS}
    for selector in selected:
        known |= {name for sample in metrics.get(str(selector.name), ()) for name in sample}
    has_samples = all(metrics.get(str(selector.name)) for selector in selected)
    if has_samples:
        found += [f"no metric here has the label {label}" for label in sorted({*labels, *question.shown} - known)]
    return [f"{question.where}: {problem}" for problem in found]


def _unmatched(selector: promql_parser.VectorSelector, metrics: Exposed) -> Iterator[str]:
    name = str(selector.name)
    if name not in metrics:
        yield f"{name} is not in /metrics"
        return
    for matcher in selector.matchers.matchers:
        wanted = matcher.value.split("|")
        if matcher.name in OF_PROMETHEUS:
            if matcher.name == "job" and wanted != [JOB]:
                yield f"{name} has no job {matcher.value}"
            continue
        has = {sample.get(matcher.name) for sample in metrics[name]}
        if metrics[name] and (missing := [each for each in wanted if each not in has]):
            yield f"no sample of {name} has {matcher.name}={'|'.join(missing)}"


def _named(expression: promql_parser.Expr) -> tuple[list[promql_parser.VectorSelector], set[str]]:
    """The selectors, and the labels by which the expression groups and joins."""
    selectors: list[promql_parser.VectorSelector] = []
    labels: set[str] = set()

    def visit(part: Any) -> None:
        if isinstance(part, promql_parser.VectorSelector):
            selectors.append(part)
        if isinstance(part, promql_parser.AggregateExpr) and part.modifier:
            labels.update(part.modifier.labels)
        matching = part.modifier and part.modifier.matching if isinstance(part, promql_parser.BinaryExpr) else None
        if matching:
            labels.update(matching.labels)

    promql_parser.walk(expression, visit)
    return selectors, labels


def _shown(text: str) -> frozenset[str]:
    return frozenset(_SHOWN_LABEL.findall(text))
