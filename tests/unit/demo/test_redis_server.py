import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from deploy.demo.docker.engine import EngineUnavailable
from deploy.demo.redis_server import CHECKER, START_SECONDS, redis_binary, redis_server

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("redis_program")]


def silent(_: str) -> None: ...


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that replaces PATH and the interpreter's directory: programs are found nowhere else."""
    directory = tmp_path / "programs"
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
    (tmp_path / "appendonlydir").write_text("Redis 7 expects a directory here")
    (tmp_path / "appendonly.aof").mkdir()  # Redis 6 expects a file here
    started = time.monotonic()
    with pytest.raises(EngineUnavailable, match="Redis did not start"), redis_server(tmp_path):
        pass
    assert time.monotonic() - started < START_SECONDS


def test_bundled_server_takes_precedence(programs: Path, tmp_path: Path) -> None:
    (programs / "redis-server").touch(0o755)
    assert redis_binary(silent) == str(programs / "redis-server")


def test_redis_tools_alone_provide_a_server(programs: Path, tmp_path: Path, redis_program: str) -> None:
    (programs / CHECKER).symlink_to(Path(redis_program).resolve())
    server = redis_binary(silent, tmp_path / "new" / "redis-server")
    version = subprocess.run([server, "--version"], capture_output=True, text=True, check=True, timeout=START_SECONDS)
    assert version.stdout.startswith("Redis server v=")


def test_missing_server_installs_redis_tools(programs: Path, tmp_path: Path) -> None:
    install = f"#!/bin/sh\necho $* >> {programs}/asked\n/bin/cp -p $0 {programs}/{CHECKER}\n"
    (programs / "apt-get").write_text(install)
    (programs / "apt-get").chmod(0o755)
    server = redis_binary(silent, tmp_path / "redis-server")
    assert Path(server).resolve() == programs / CHECKER
    assert [line.split()[-1] for line in (programs / "asked").read_text().splitlines()] == ["redis-tools"]


def test_missing_server_without_root_names_remedy(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EngineUnavailable, match=r"redis-server is missing.*apt-get install redis-tools"):
        redis_binary(silent)
