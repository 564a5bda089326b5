import time
from pathlib import Path

import pytest
import redis

from deploy.demo.engine import EngineUnavailable
from deploy.demo.redis_server import START_SECONDS, redis_server

pytestmark = pytest.mark.redis


def test_every_write_is_on_disk_before_it_is_answered(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url, redis.Redis.from_url(url) as client:
        settings = client.config_get("*")
    wanted = {"appendonly": "yes", "appendfsync": "always", "save": "", "bind": "127.0.0.1"}
    assert {name: settings[name] for name in wanted} == wanted


def test_what_was_written_is_there_in_the_next_server_of_the_directory(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url, redis.Redis.from_url(url) as client:
        client.set("release", "v1.1.0")
    with redis_server(tmp_path) as url, redis.Redis.from_url(url) as client:
        assert client.get("release") == b"v1.1.0"


def test_it_ends_with_the_block(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url:
        pass
    with redis.Redis.from_url(url) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_two_servers_are_two(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with redis_server(tmp_path / "one") as one, redis_server(tmp_path / "two") as two:
        assert one != two


def test_one_that_cannot_start_is_told_at_once_in_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "appendonlydir").write_text("where Redis 7 wants a directory")
    (tmp_path / "appendonly.aof").mkdir()  # where Redis 6 wants a file
    started = time.monotonic()
    with pytest.raises(EngineUnavailable, match="Redis did not come up"), redis_server(tmp_path):
        pass
    assert time.monotonic() - started < START_SECONDS
