import traceback
from pathlib import Path
from typing import Any

import pytest

from app.config.settings import WebSettings, WorkerSettings
from app.domain.errors import SettingsInvalid
from app.domain.stack import EngineKind, RoutesInRedis, Traefik
from tests.examples import a_stack

SECRET = "the-canary"
REDIS = "redis://:redis-canary@redis:6379/0"
WEB = {"REDIS_URL": REDIS, "GITHUB_WEBHOOK_SECRET": SECRET}
WORKER = {"REDIS_URL": REDIS, "UPDATER_TRAEFIK_DYNAMIC_PATH": "/traefik/dynamic"}


def refused(environ: dict[str, str], kind: type[Any] = WebSettings) -> str:
    with pytest.raises(SettingsInvalid) as error:
        kind.from_environ(environ)
    return str(error.value.detail)


def test_defaults_match_the_contract() -> None:
    web, worker = WebSettings.from_environ(WEB), WorkerSettings.from_environ(WORKER)
    assert (web.bind, web.public_bind, web.webhook_max_bytes) == ("0.0.0.0:9090", "0.0.0.0:9091", 4 * 1024 * 1024)
    assert (web.stack_file, worker.data_dir) == (Path("config/stack.yml"), Path("/app/data"))
    assert worker.journal_path == Path("/app/data/updater-state.json")
    assert (worker.enabled, worker.pause_on_failure, worker.repository) == (True, True, None)
    assert worker.approval is False


def test_environment_overrides_the_defaults() -> None:
    worker = WorkerSettings.from_environ(
        {
            **WORKER,
            "AUTO_UPDATE_ENABLED": "false",
            "AUTO_UPDATE_PAUSE_ON_FAILURE": "0",
            "AUTO_UPDATE_REPO": "octo/shop",
            "UPDATE_REQUIRE_APPROVAL": "true",
            "UPDATER_STATE_PATH": "/state.json",
            "SOMETHING_ELSE": "x",
        }
    )
    assert (worker.enabled, worker.pause_on_failure, worker.repository) == (False, False, "octo/shop")
    assert worker.approval is True
    assert worker.journal_path == Path("/state.json")


def test_file_of_the_routes_has_to_be_named() -> None:
    settings = WorkerSettings.from_environ({"REDIS_URL": REDIS})
    with pytest.raises(SettingsInvalid) as missing:
        settings.routes_path(a_stack())
    assert missing.value.detail == "UPDATER_TRAEFIK_DYNAMIC_PATH: is not set"
    assert WorkerSettings.from_environ(WORKER).routes_path(a_stack()) == Path("/traefik/dynamic")


def test_routes_in_a_redis_have_no_file() -> None:
    stack = a_stack(engine=EngineKind.SWARM, traefik=Traefik({}, redis=RoutesInRedis("redis://edge")))
    for environ in ({"REDIS_URL": REDIS}, WORKER):
        assert WorkerSettings.from_environ(environ).routes_path(stack) is None


def test_an_empty_value_counts_as_not_set() -> None:
    assert WebSettings.from_environ({**WEB, "UPDATER_BIND": ""}).bind == "0.0.0.0:9090"


def test_problems_are_reported_at_once_by_name() -> None:
    message = refused(
        {
            "UPDATER_BIND": "9090",
            "UPDATER_PUBLIC_BIND": "0.0.0.0:70000",
            "UPDATER_WEBHOOK_MAX_BYTES": "many",
            "AUTO_UPDATE_REPO": "shop",
            "UPDATER_NAMESPACE": "a b",
            "GITHUB_WEBHOOK_SECRET_FILE": "/does/not/exist",
        }
    )
    assert {part.partition(": ")[0] for part in message.split("; ")} >= {
        "REDIS_URL",
        "UPDATER_BIND",
        "UPDATER_PUBLIC_BIND",
        "UPDATER_WEBHOOK_MAX_BYTES",
        "AUTO_UPDATE_REPO",
        "UPDATER_NAMESPACE",
        "GITHUB_WEBHOOK_SECRET_FILE",
    }
    assert "REDIS_URL: is not set" in message


def test_blank_secret_file_counts_as_not_set(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("\n")
    assert "GITHUB_WEBHOOK_SECRET: is not set" in refused({"REDIS_URL": REDIS, "GITHUB_WEBHOOK_SECRET_FILE": str(file)})


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("new, old\n")
    settings = WebSettings.from_environ({"REDIS_URL": REDIS, "GITHUB_WEBHOOK_SECRET_FILE": str(file)})
    assert settings.webhook_secrets == ("new", "old")


def test_unreadable_secret_file_is_reported(tmp_path: Path) -> None:
    message = refused({**WEB, "GITHUB_WEBHOOK_SECRET_FILE": str(tmp_path / "none")})
    assert message.startswith("GITHUB_WEBHOOK_SECRET_FILE: ")


@pytest.mark.parametrize("secret", ["", " ", ",", " , "])
def test_missing_webhook_secret_is_refused(secret: str) -> None:
    assert "GITHUB_WEBHOOK_SECRET" in refused({**WEB, "GITHUB_WEBHOOK_SECRET": secret})


def test_no_secret_is_ever_printed() -> None:
    settings = WebSettings.from_environ(WEB)
    assert "canary" not in repr(settings)
    assert "canary" not in str(settings)


@pytest.mark.parametrize(
    "environ",
    [
        {**WEB, "UPDATER_BIND": "x"},
        {**WEB, "REDIS_URL": "http://:redis-canary@redis"},
    ],
)
def test_errors_and_tracebacks_hide_secrets(environ: dict[str, str]) -> None:
    with pytest.raises(SettingsInvalid) as error:
        WebSettings.from_environ(environ)
    assert "canary" not in "".join(traceback.format_exception(error.value))


def test_apply_wait_is_limited_and_off_by_default() -> None:
    assert WebSettings.from_environ(WEB).apply_wait is None
    assert WebSettings.from_environ({**WEB, "UPDATER_APPLY_WAIT_SECONDS": "600"}).apply_wait == 600
    for wrong in ("0", "-1", "3601", "soon", "inf", "nan"):
        assert "UPDATER_APPLY_WAIT_SECONDS" in refused({**WEB, "UPDATER_APPLY_WAIT_SECONDS": wrong})


def test_trusted_proxies_are_addresses_or_networks() -> None:
    assert WebSettings.from_environ(WEB).trusted_proxies == ()
    found = WebSettings.from_environ({**WEB, "UPDATER_TRUSTED_PROXIES": "172.18.0.5, 10.0.0.0/8,2001:db8::1"})
    assert [str(network) for network in found.trusted_proxies] == ["172.18.0.5/32", "10.0.0.0/8", "2001:db8::1/128"]
    for wrong in ("traefik", "172.18.0.5/33", "*"):
        assert refused({**WEB, "UPDATER_TRUSTED_PROXIES": wrong}).startswith("UPDATER_TRUSTED_PROXIES: should be")


def test_webhook_limit_cannot_exceed_githubs() -> None:
    assert "UPDATER_WEBHOOK_MAX_BYTES" in refused({**WEB, "UPDATER_WEBHOOK_MAX_BYTES": str(26 * 1024 * 1024)})


def test_github_token_is_never_printed_or_in_url() -> None:
    worker = WorkerSettings.from_environ({**WORKER, "GITHUB_TOKEN": "ghp_abc"})
    assert worker.github_token is not None
    assert (worker.github_token.get_secret_value(), "ghp_abc" in repr(worker)) == ("ghp_abc", False)
    assert worker.github_api_url == "https://api.github.com"
    for wrong in ({"GITHUB_TOKEN": "two words"}, {"GITHUB_API_URL": "https://u:p@h"}, {"GITHUB_API_URL": "h"}):
        assert next(iter(wrong)) in refused({**WORKER, **wrong}, WorkerSettings)


@pytest.mark.parametrize("url", ["http://github.example.org/api/v3", "http://192.0.2.7", "http://127.0.0.1.evil.test"])
def test_github_token_is_not_sent_in_clear_text(url: str) -> None:
    message = refused({**WORKER, "GITHUB_API_URL": url}, WorkerSettings)
    assert message.startswith("GITHUB_API_URL: should begin with https://")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://localhost/api/v3", "http://[::1]:8080", "https://g.test"]
)
def test_github_api_may_be_on_this_machine(url: str) -> None:
    assert WorkerSettings.from_environ({**WORKER, "GITHUB_API_URL": url}).github_api_url == url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("redis://:canary@h?ssl_cert_reqs=none", "need rediss://"),
        ("rediss://:canary@h?ssl_cert_reqs=never", "ssl_cert_reqs should be"),
        ("rediss://:canary@h?ssl_cert_reqs=none&ssl_check_hostname=true", "leave ssl_check_hostname out"),
    ],
)
def test_redis_tls_options_are_checked(url: str, problem: str) -> None:
    message = refused({**WEB, "REDIS_URL": url})
    assert message.startswith("REDIS_URL: ")
    assert problem in message
    assert "canary" not in message


def test_ssh_files_are_checked_before_the_start(tmp_path: Path) -> None:
    key, odd = tmp_path / "key", tmp_path / "a key"
    key.touch()
    odd.touch()
    worker = WorkerSettings.from_environ({**WORKER, "UPDATER_SSH_KEY_PATH": str(key)})
    assert (worker.ssh_key_path, worker.ssh_known_hosts_path) == (key, None)
    for value, problem in ((str(odd), "absolute path"), ("key", "absolute path"), (f"{key}s", "is not a file")):
        found = refused({**WORKER, "UPDATER_SSH_KNOWN_HOSTS_PATH": value}, WorkerSettings)
        assert found.startswith("UPDATER_SSH_KNOWN_HOSTS_PATH: ")
        assert problem in found
