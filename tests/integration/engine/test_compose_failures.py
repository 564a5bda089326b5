"""Each failure of the real Compose on the real engine is an error with Compose's own words, and never a success."""

import http.server
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from app.domain.errors import BeforeFlipFailed, BuildFailed, ComposeInvalid, StartFailed, UpdaterError
from tests.integration.engine.sample_stack import BLUE, BOT, Sample
from workers.ports import Definition

pytestmark = pytest.mark.engine

V1, BREAKS, MOVES = "v21.0.0", "v21.1.0", "v21.2.0"
"""The releases. The tests change the trees of BREAKS and MOVES after a first build."""

ELSEWHERE = "127.0.0.1:9/base:1"
"""An image of a registry that does not answer: no registry listens on port 9."""

HELPER = "docker-credential-updater-test-missing"


@pytest.fixture
def stack(sample: Sample) -> Sample:
    for tag in (V1, BREAKS, MOVES):
        sample.release(tag)
    return sample


@pytest.fixture
def registry() -> Iterator[str]:
    """The address of a registry that wants to know who asks, before it says anything."""

    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(http.HTTPStatus.UNAUTHORIZED)
            self.send_header("WWW-Authenticate", 'Basic realm="a registry"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            """Logs nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def without_helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's Docker configuration names a credential helper that is not installed."""
    config = tmp_path / "home" / ".docker" / "config.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"credsStore": HELPER.removeprefix("docker-credential-")}))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def comes_from_a_registry(definition: Definition, pull_policy: str = "always") -> None:
    """Changes the definition: the bot's image is in a registry only."""
    model = json.loads(definition.path.read_text())
    del model["services"][BOT]["build"]
    model["services"][BOT] |= {"image": ELSEWHERE, "pull_policy": pull_policy}
    definition.path.write_text(json.dumps(model))


def dockerfile(stack: Sample, tag: str) -> Path:
    return stack.release(tag) / "skills" / "Dockerfile"


def said(error: UpdaterError, words: str) -> bool:
    return any(words in line for line in error.last_lines)


async def test_config_failure_has_composes_words(stack: Sample, tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").write_text("services: {skills-blue: {image: x, networks: [gone]}}\n")
    with pytest.raises(ComposeInvalid) as refused:
        await stack.engine.define(tmp_path, stack.stamp(V1))
    assert said(refused.value, "undefined network gone"), refused.value.last_lines


async def test_failed_build_is_no_success_with_the_old_image(stack: Sample) -> None:
    definition = await stack.built(BREAKS, BLUE)
    with dockerfile(stack, BREAKS).open("a") as file:
        file.write("\n# broken\nRUN echo out of paper && false\n")
    with pytest.raises(BuildFailed) as failed:
        await stack.engine.build(definition, [BLUE], lambda _: None)
    assert said(failed.value, "out of paper"), failed.value.last_lines
    assert not failed.value.transient


UNKNOWN_HOST = "import urllib.request; urllib.request.urlopen('http://nowhere.invalid/', timeout=20)"
OWN_SERVER = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/', timeout=20)"


@pytest.mark.parametrize(
    ("line", "transient"),
    [
        (f'RUN python3 -c "{UNKNOWN_HOST}"', True),
        (f'RUN python3 -c "{OWN_SERVER}"', False),
        (f"COPY --from={ELSEWHERE} /a /a", True),
        ("ADD http://nowhere.invalid/file /file", True),
        ("COPY no-such-file /a", False),
    ],
)
async def test_build_without_the_network_is_transient(stack: Sample, line: str, transient: bool) -> None:
    definition, file = await stack.define(BREAKS), dockerfile(stack, BREAKS)
    good = file.read_text().partition("\n# broken\n")[0]
    file.write_text(f"{good}\n# broken\n{line}\n")
    with pytest.raises(BuildFailed) as failed:
        await stack.engine.build(definition, [BLUE], lambda _: None)
    assert bool(failed.value.transient) is transient, failed.value.last_lines


async def test_build_names_a_missing_credential_helper(stack: Sample, without_helper: None, registry: str) -> None:
    """An image of that name exists from the first build."""
    definition = await stack.built(MOVES, BLUE)
    dockerfile(stack, MOVES).write_text(f"FROM {registry}/base:1\n")
    with pytest.raises(BuildFailed) as failed:
        await stack.engine.build(definition, [BLUE], lambda _: None)
    assert said(failed.value, HELPER), failed.value.last_lines


async def test_pull_names_a_missing_credential_helper(stack: Sample, without_helper: None) -> None:
    definition = await stack.define(V1)
    comes_from_a_registry(definition)
    with pytest.raises(BuildFailed) as failed:
        await stack.engine.build(definition, [BOT], lambda _: None)
    assert failed.value.service == BOT
    assert said(failed.value, HELPER), failed.value.last_lines


async def test_pull_names_a_registry_that_does_not_answer(stack: Sample) -> None:
    definition = await stack.define(V1)
    comes_from_a_registry(definition)
    with pytest.raises(BuildFailed) as failed:
        await stack.engine.build(definition, [BOT], lambda _: None)
    assert said(failed.value, "127.0.0.1:9"), failed.value.last_lines
    assert failed.value.transient


async def test_start_without_an_image_has_composes_words(stack: Sample) -> None:
    definition = await unbuilt(stack, BLUE)
    with pytest.raises(StartFailed) as failed:
        await stack.engine.start(definition, [BLUE])
    assert failed.value.service == BLUE
    assert said(failed.value, image_of(definition, BLUE)), failed.value.last_lines
    assert await stack.engine.find(BLUE) == []


async def test_create_without_an_image_has_composes_words(stack: Sample) -> None:
    definition = await unbuilt(stack, BOT)
    with pytest.raises(StartFailed) as failed:
        await stack.engine.create(definition, BOT)
    assert said(failed.value, image_of(definition, BOT)), failed.value.last_lines
    assert await stack.engine.find(BOT) == []


async def test_run_without_an_image_has_composes_words(stack: Sample) -> None:
    definition = await stack.define(V1)
    comes_from_a_registry(definition, pull_policy="never")
    failed = await run_failure(stack, definition, BOT, ["true"])
    assert "did not run to its end: its container is removed" in failed.detail
    assert said(failed, f"No such image: {ELSEWHERE}"), failed.last_lines


async def test_run_of_a_missing_command_has_composes_words(stack: Sample) -> None:
    failed = await run_failure(stack, await stack.built(V1, BLUE), BLUE, ["/no/such/command"])
    assert "did not run to its end: its container is created" in failed.detail
    assert said(failed, "/no/such/command"), failed.last_lines


async def run_failure(stack: Sample, definition: Definition, service: str, command: Sequence[str]) -> BeforeFlipFailed:
    with pytest.raises(BeforeFlipFailed) as failed:
        await stack.engine.run_once(definition, service, command, name="r-1", limit=300, log=lambda _: None)
    await stack.engine.sweep()
    return failed.value


async def unbuilt(stack: Sample, service: str) -> Definition:
    """The definition of V1, without the image of `service`."""
    definition = await stack.define(V1)
    for image in stack.client.images.list(name=image_of(definition, service)):
        stack.client.images.remove(str(image.tags[0]), force=True)
    return definition


def image_of(definition: Definition, service: str) -> str:
    return str(json.loads(definition.path.read_text())["services"][service]["image"])
