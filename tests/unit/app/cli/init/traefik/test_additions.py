import pytest

from app.cli.init.traefik.additions import additions, rendered
from app.cli.init.traefik.entrypoints import EntryPoint
from app.cli.init.traefik.static.static_config import Form, StaticConfig

COMPLETE = {
    "entryPoints.metrics.address": ":8082",
    "metrics.prometheus": "true",
    "metrics.prometheus.entryPoint": "metrics",
    "providers.file.directory": "/routes/dynamic",
    "providers.providersThrottleDuration": "100ms",
}


def config(options: dict[str, str]) -> StaticConfig:
    return StaticConfig(Form.FLAGS, {tuple(key.split(".")): value for key, value in options.items()})


def flags(options: dict[str, str]) -> list[str]:
    return rendered(additions(config(options)).options, Form.FLAGS)


def without(*keys: str, **more: str) -> dict[str, str]:
    return {key: value for key, value in COMPLETE.items() if key not in keys} | more


def test_a_complete_traefik_needs_nothing() -> None:
    found = additions(config(COMPLETE))
    assert (found.options, found.has_metrics, found.metrics) == ((), True, EntryPoint("metrics", 8082))


def test_missing_metrics_need_all_four_options() -> None:
    options = without("metrics.prometheus", "metrics.prometheus.entryPoint", "entryPoints.metrics.address")
    assert flags(options) == [
        "--entryPoints.metrics.address=:8082",
        "--metrics.prometheus=true",
        "--metrics.prometheus.addServicesLabels=true",
        "--metrics.prometheus.entryPoint=metrics",
    ]


def test_only_missing_options_are_listed() -> None:
    assert flags(without("metrics.prometheus.entryPoint")) == []
    assert flags(without("metrics.prometheus.entryPoint", **{"entryPoints.web.address": ":8080"})) == [
        "--metrics.prometheus.entryPoint=metrics"
    ]
    assert flags(without(**{"metrics.prometheus.addServicesLabels": "false"})) == [
        "--metrics.prometheus.addServicesLabels=true"
    ]
    assert flags(without("providers.file.directory")) == ["--providers.file.directory=/etc/traefik/dynamic"]
    assert flags(without(**{"providers.file.watch": "false"})) == ["--providers.file.watch=true"]


@pytest.mark.parametrize(
    ("throttle", "missing"),
    [("100ms", False), ("0.05s", False), ("2s", True), ("1m0s", True), ("soon", True), ("1", True)],
)
def test_too_long_throttle_is_listed(throttle: str, missing: bool) -> None:
    found = flags(without(**{"providers.providersThrottleDuration": throttle}))
    assert found == (["--providers.providersThrottleDuration=100ms"] if missing else [])


def test_metrics_use_their_own_free_port() -> None:
    taken = {"entryPoints.a.address": ":8082", "entryPoints.b.address": ":8083"}
    assert additions(config(taken)).metrics == EntryPoint("metrics", 8084)
    there = {"metrics.prometheus": "true", "metrics.prometheus.entryPoint": "M", "entryPoints.m.address": ":9"}
    assert additions(config(there)).metrics == EntryPoint("m", 9)
    assert additions(config({"metrics.prometheus": "true"})).metrics == EntryPoint("traefik", 8080)


def test_options_are_rendered_in_each_form() -> None:
    missing = additions(config({"providers.file.directory": "/x"})).options
    assert rendered(missing, Form.ENVIRONMENT)[:2] == [
        "TRAEFIK_ENTRYPOINTS_METRICS_ADDRESS=:8082",
        "TRAEFIK_METRICS_PROMETHEUS=true",
    ]
    assert rendered(missing, Form.FILE) == [
        "entryPoints:",
        "  metrics:",
        "    address: :8082",
        "metrics:",
        "  prometheus:",
        "    addServicesLabels: true",
        "    entryPoint: metrics",
        "providers:",
        "  providersThrottleDuration: 100ms",
    ]
    assert rendered(missing, Form.FILE, toml=True) == [
        "[entryPoints.metrics]",
        'address = ":8082"',
        "[metrics.prometheus]",
        "addServicesLabels = true",
        'entryPoint = "metrics"',
        "[providers]",
        'providersThrottleDuration = "100ms"',
    ]
