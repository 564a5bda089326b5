"""The redactor learns from Compose itself what the stack's secrets are, before a build or a container prints them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from app.domain.errors import ComposeInvalid
from app.domain.stack import Stack
from tests.examples import a_stack
from tests.integration.compose.read_release import release_reader
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.commands import ComposeFiles
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.docker_host.compose.release_reader import ReadRelease
from workers.adapters.docker_host.compose.secret_values import learn_env_files, learn_what_is_known, secret_values
from workers.adapters.docker_host.stored.definitions import ReleaseFiles
from workers.adapters.redaction import HIDDEN, Redactor
from workers.ports import Stamp

SHA = "0123456789abcdef" * 2 + "01234567"
STAMP = Stamp("v1.1.0", SHA, "r-1")
SERVICES = ("api-blue", "api-green", "bot")
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----"

ENV = f"""
COMMENTED=any # note
TOKEN=the-real-value # note
HASH_TOKEN=with#hash-in-it
SINGLE_PASS='single $HOME # "x"' # note
DOUBLE_PASS="double \\"quotes\\" and\\nsecond-line-of-it"
SSH_KEY="{KEY}"
export EXPORTED_SECRET = spaced out value
PART=part-of-a-value
WHOLE_DSN=${{PART}}-and-the-rest
DEFAULT_KEY=${{NOTHING:-from-the-default}}
OVERRIDDEN_TOKEN=of-the-first-file
STRIPE=sk_live_51MexampleExample9
DATABASE_URL=postgres://app:of-the-database@db/app
MODE=production-like
"""
SECOND = "OVERRIDDEN_TOKEN=of-the-second-file\nOTHER_TOKEN=${PART}/elsewhere\n"
SECRETS = [
    *("the-real-value", "with#hash-in-it", 'single $HOME # "x"', 'double "quotes" and\nsecond-line-of-it', KEY),
    *("spaced out value", "part-of-a-value-and-the-rest", "from-the-default", "sk_live_51MexampleExample9"),
    *("of-the-database", "of-the-first-file", "of-the-second-file", "part-of-a-value/elsewhere"),
]


@dataclass
class Bench:
    """A release's worktree beside a live directory, and what the redactor has learned of them."""

    tree: Path
    live: Path
    stack: Stack
    client: docker.DockerClient
    learned: set[str]

    @property
    def compose(self) -> Compose:
        return Compose(find_compose(), "shop", None, learn=self.learned.update)

    def release(self, service: dict[str, Any], **more: Any) -> None:
        services = {name: {"image": "shop", **service} for name in SERVICES}
        (self.tree / "docker-compose.yml").write_text(json.dumps({"services": services, **more}))

    async def read(self) -> ReadRelease:
        reader = release_reader(self.compose, self.stack, self.tree, self.client)
        return await reader.read(self.tree, STAMP, None)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    tree, live = tmp_path / "trees" / SHA, tmp_path / "live"
    tree.mkdir(parents=True)
    live.mkdir()
    (live / ".env").write_text(ENV)
    (live / "second.env").write_text(SECOND)
    stack = a_stack(directory=str(live), routed=a_stack().routed[1:], env_files=(".env", "second.env"))
    client = docker.DockerClient(base_url=f"unix://{tmp_path}/none.sock", version="1.41")
    yield Bench(tree, live, stack, client, set())
    client.close()


async def test_values_are_those_of_compose(bench: Bench) -> None:
    await learn_env_files(bench.compose, ComposeFiles.below(bench.live, bench.stack))
    assert set(SECRETS) <= bench.learned
    assert not {"any", "production-like", "the-real-value # note"} & bench.learned


async def test_values_are_known_at_the_start(bench: Bench, tmp_path: Path) -> None:
    kept = ReleaseFiles(tmp_path / "releases")
    labels = {"updater.sha": SHA}
    environment = {"OLD_TOKEN": "of-a-kept-release", "VERSION_KEY": SHA, "PRICE_KEY": "5$$ and more"}
    kept.write(SHA, {"services": {"bot": {"environment": environment, "labels": labels}}})
    await learn_what_is_known(bench.compose, bench.stack, kept)
    assert {*SECRETS, "of-a-kept-release", "5$ and more"} <= bench.learned
    assert SHA not in bench.learned, "the commit stays readable"


async def test_missing_env_file_stops_no_start(bench: Bench, tmp_path: Path) -> None:
    (bench.live / "second.env").unlink()
    await learn_what_is_known(bench.compose, bench.stack, ReleaseFiles(tmp_path / "none"))


@pytest.mark.parametrize(
    ("service", "secret"),
    [
        ({"environment": {"API_TOKEN": "literal-in-compose"}}, "literal-in-compose"),
        ({"environment": {"API_TOKEN": "${PART}-in-compose"}}, "part-of-a-value-in-compose"),
        ({"environment": ["ANY=sk_live_51MexampleListEntry"]}, "sk_live_51MexampleListEntry"),
        ({"env_file": "own.env"}, "of-the-releases-file"),
        ({"build": {"context": ".", "args": {"NPM_TOKEN": "of-a-build-arg"}}}, "of-a-build-arg"),
        ({"command": ["run", "--api-token=of-an-option"]}, "of-an-option"),
        ({"labels": {"any": "amqp://user:of-a-label@mq"}}, "of-a-label"),
    ],
)
async def test_release_is_known_once_it_is_read(bench: Bench, service: dict[str, Any], secret: str) -> None:
    (bench.tree / "own.env").write_text("API_TOKEN='of-the-releases-file' # note\n")
    (bench.tree / "Dockerfile").write_text("FROM scratch\n")
    bench.release(service)
    assert (await bench.read()).problems == ()
    assert secret in bench.learned


async def test_env_files_are_read_again_for_each_release(bench: Bench) -> None:
    """Also the values that no Compose file uses: a container may have the file itself."""
    bench.release({})
    await bench.read()
    assert set(SECRETS) <= bench.learned


@pytest.mark.parametrize("root", ["tree", "live"])
async def test_file_of_a_secret_is_known_wherever_it_is(bench: Bench, root: str) -> None:
    (getattr(bench, root) / "api.txt").write_text("first-line-of-it\nsecond-line-of-it\n")
    (bench.tree / "app.conf").write_text("listen 80\napi_key = of-a-config-file\n")
    more = {"secrets": {"api": {"file": "./api.txt"}}, "configs": {"app": {"file": "./app.conf"}}}
    bench.release({"secrets": ["api"], "configs": ["app"]}, **more)
    assert (await bench.read()).problems == ()
    assert {"first-line-of-it\nsecond-line-of-it", "of-a-config-file"} <= bench.learned
    assert "listen 80" not in bench.learned


async def test_secret_from_the_environment_is_known(bench: Bench) -> None:
    """Its value is in no model, and the name of its variable need not say that it is secret."""
    (bench.live / "second.env").write_text("PLAIN=of-the-environment\n")
    bench.release({"secrets": ["api"]}, secrets={"api": {"environment": "PLAIN"}})
    read = await bench.read()
    assert "of-the-environment" in bench.learned
    bench.learned.clear()
    await secret_values(bench.compose, bench.stack, ComposeFiles.below(bench.live, bench.stack), read.model, SERVICES)
    assert "of-the-environment" in bench.learned, "today's value, at each start of a container"


async def test_commit_of_the_release_stays_readable(bench: Bench) -> None:
    bench.release({"environment": {"SENTRY_RELEASE_KEY": "${UPDATER_SHA}"}})
    await bench.read()
    assert SHA not in bench.learned


@pytest.mark.parametrize(
    ("root", "name", "text"),
    [
        ("live", ".env", "A=1\nbG9vc2UgbGluZQ/not-an-assignment\n"),
        ("live", ".env", "SSH_KEY='bG9vc2UgbGluZQ/not-an-assignment\n"),
        ("tree", "own.env", "A=1\nbG9vc2UgbGluZQ/not-an-assignment\n"),
    ],
)
async def test_line_that_compose_rejects_is_hidden(bench: Bench, root: str, name: str, text: str) -> None:
    (bench.tree / "own.env").write_text("A=1\n")
    (getattr(bench, root) / name).write_text(text)
    bench.release({"env_file": "own.env"})
    with pytest.raises(ComposeInvalid) as refused:
        await bench.read()
    said = "\n".join([str(refused.value), *refused.value.last_lines])
    redactor = Redactor(bench.tree.parent)
    redactor.learn(bench.learned)
    assert "bG9vc2UgbGluZQ" in said, "Compose quotes the line"
    assert HIDDEN in redactor.text(said)
    assert "bG9vc2UgbGluZQ" not in redactor.text(said)
