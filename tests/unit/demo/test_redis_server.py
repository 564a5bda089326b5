import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from deploy.demo.engine import EngineUnavailable
from deploy.demo.redis_server import CHECKER, START_SECONDS, redis_binary, redis_server

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("redis_program")]


def silent(_: str) -> None: ...


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory where programs are found, that of the interpreter included."""
    directory = tmp_path / "only"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setattr(sys, "executable", str(directory / "python"))
    return directory


def test_writes_are_synced_before_the_answer(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url, redis.Redis.from_url(url) as client:
        settings = client.config_get("*")
    wanted = {"appendonly": "yes", "appendfsync": "always", "save": "", "bind": "127.0.0.1"}
    assert {name: settings[name] for name in wanted} == wanted


def test_next_server_reads_the_earlier_data(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url, redis.Redis.from_url(url) as client:
        client.set("release", "v1.1.0")
    with redis_server(tmp_path) as url, redis.Redis.from_url(url) as client:
        assert client.get("release") == b"v1.1.0"


def test_server_ends_with_the_block(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url:
        pass
    with redis.Redis.from_url(url) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_servers_have_different_urls(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with redis_server(tmp_path / "one") as one, redis_server(tmp_path / "two") as two:
        assert one != two


def test_failed_start_reports_the_last_output(tmp_path: Path) -> None:
    (tmp_path / "appendonlydir").write_text("where Redis 7 wants a directory")
    (tmp_path / "appendonly.aof").mkdir()  # where Redis 6 wants a file
    started = time.monotonic()
    with pytest.raises(EngineUnavailable, match="Redis did not start"), redis_server(tmp_path):
        pass
    assert time.monotonic() - started < START_SECONDS


def test_bundled_server_takes_precedence(only: Path, tmp_path: Path) -> None:
    (only / "redis-server").touch(0o755)
    assert redis_binary(silent) == str(only / "redis-server")


def test_redis_tools_alone_provide_a_server(only: Path, tmp_path: Path, redis_program: str) -> None:
    (only / CHECKER).symlink_to(Path(redis_program).resolve())
    server = redis_binary(silent, tmp_path / "new" / "redis-server")
    said = subprocess.run([server, "--version"], capture_output=True, text=True, check=True, timeout=START_SECONDS)
    assert said.stdout.startswith("Redis server v=")


def test_missing_server_installs_redis_tools(only: Path, tmp_path: Path) -> None:
    install = f"#!/bin/sh\necho $* >> {only}/asked\n/bin/cp -p $0 {only}/{CHECKER}\n"
    (only / "apt-get").write_text(install)
    (only / "apt-get").chmod(0o755)
    server = redis_binary(silent, tmp_path / "redis-server")
    assert Path(server).resolve() == only / CHECKER
    assert [line.split()[-1] for line in (only / "asked").read_text().splitlines()] == ["redis-tools"]


def test_missing_server_without_root_names_remedy(only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EngineUnavailable, match=r"redis-server is missing.*apt-get install redis-tools"):
        redis_binary(silent)
