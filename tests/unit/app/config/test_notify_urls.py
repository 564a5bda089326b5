import traceback
from pathlib import Path

import pytest

from app.config import notify_urls
from app.config.settings import WorkerSettings
from app.domain.errors import SettingsInvalid
from app.domain.notices.notice import Kind

WORKER = {"REDIS_URL": "redis://localhost:6379/0", "UPDATER_TRAEFIK_DYNAMIC_PATH": "/routes"}
DISCORD = "discord://123456789012345678/canary-canary-canary-canary-canary-canary"
HOOK = "json://user:canary-password@localhost:8080/path"


def refused(**environ: str) -> str:
    with pytest.raises(SettingsInvalid) as error:
        WorkerSettings.from_environ({**WORKER, **environ})
    assert "canary" not in "".join(traceback.format_exception(error.value))
    return str(error.value)


def test_urls_split_but_keep_their_own_commas() -> None:
    mail = "mailto://user:pass@example.org?to=a@example.org,b@example.org"
    assert notify_urls.split(f" {DISCORD},{mail},\n{HOOK}\n") == (DISCORD, mail, HOOK)
    assert notify_urls.split(" \n,") == ()


def test_wrong_urls_are_reported_by_position() -> None:
    message = refused(
        UPDATER_NOTIFY_URLS=f"{HOOK}, nonsense://canary, discord://canary", UPDATER_NOTIFY_EVENTS="live,odd"
    )
    assert "UPDATER_NOTIFY_URLS: URL 2 of 3 is unknown to apprise, or incomplete; URL 3 of 3" in message
    assert "UPDATER_NOTIFY_EVENTS" in message
    assert "UPDATER_NOTIFY_URLS: contains no URL" in refused(UPDATER_NOTIFY_URLS=" , ")


def test_urls_from_a_file_are_never_printed(tmp_path: Path) -> None:
    file = tmp_path / "urls"
    file.write_text(f"{DISCORD}\n{HOOK}\n")
    settings = WorkerSettings.from_environ({**WORKER, "UPDATER_NOTIFY_URLS_FILE": str(file)})
    assert settings.notify_targets == (DISCORD, HOOK)
    assert "canary" not in repr(settings)


def test_no_target_and_all_events_are_the_default() -> None:
    settings = WorkerSettings.from_environ(WORKER)
    assert (settings.notify_targets, settings.notify_events) == ((), frozenset(Kind))
    chosen = WorkerSettings.from_environ({**WORKER, "UPDATER_NOTIFY_EVENTS": "live, rolled_back"})
    assert chosen.notify_events == {Kind.LIVE, Kind.ROLLED_BACK}


def test_tokens_are_secrets_but_hosts_are_not() -> None:
    secrets = set(notify_urls.secrets_in([DISCORD, HOOK, "slack://hooks.example.org/a%2Fb-canary-canary-canary"]))
    assert {DISCORD, HOOK, "canary-password", "canary-canary-canary-canary-canary-canary"} <= secrets
    assert "a/b-canary-canary-canary" in secrets
    assert not {"localhost", "localhost:8080", "hooks.example.org", "user", "path", ""} & secrets
