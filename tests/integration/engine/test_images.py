"""Images on a real engine and a real registry: what runs is what the release says, also after a rollback."""

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml
from docker.models.containers import Container
from docker.models.images import Image

from app.domain.errors import BuildFailed, ComposeInvalid
from app.domain.stack import Color
from deploy.demo.docker.images import packed
from deploy.demo.docker.registry import Registry, registry
from tests.integration.engine.sample_stack import BLUE, BOT, GREEN, Sample, start_one
from tests.integration.waiting import until
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.docker_host.engine import DockerEngine
from workers.adapters.docker_host.images import release_images
from workers.definition.images.service_images import settled
from workers.definition.labels import image_name
from workers.ports import Definition, Stamp

pytestmark = pytest.mark.engine

SLEEPS = ["python3", "-c", "import time; time.sleep(600)"]
MARK = "updater.test.images"
Edit = Callable[[Path], None]
Config = Callable[[str], object]
_numbers = count(1)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("hub") / "registry", print) as started:
        yield started


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("locked") / "registry", print, locked=True) as started:
        yield started


def _repository(digest: str) -> str:
    return digest.partition("@")[0]


def said_by(thing: Container | Image) -> str:
    values = thing.attrs["Config"]["Env"]
    return str(next(value.partition("=")[2] for value in values if value.startswith("TEXT=")))


@dataclass
class Bench:
    """The sample stack, whose releases are Compose files that the tests write. `name` is a repository of its own."""

    sample: Sample
    base: str
    hub: Registry
    name: str = field(default_factory=lambda: f"team/app{next(_numbers)}")
    lines: list[str] = field(default_factory=list)
    engine: DockerEngine = field(init=False)

    def __post_init__(self) -> None:
        self.engine = self.sample.engine

    @property
    def image(self) -> str:
        """As a Compose file names it."""
        return f"{self.hub.host}/{self.name}:stable"

    def with_times(self, **times: float) -> None:
        stack = replace(self.sample.stack, times=replace(self.sample.stack.times, **times))
        compose = Compose(find_compose(), stack.project, self.sample.host)
        self.engine = DockerEngine(self.sample.client, compose, stack, self.sample.directory / "releases")

    def make(self, text: str, name: str) -> None:
        """Gives this machine an image `name` that says `text`."""
        packed(self.sample.client, name, self._dockerfile(text), {})

    def push(self, text: str) -> str:
        """Publishes an image that says `text` as `stable`; returns its digest."""
        return self.hub.push(self.sample.client, f"{self.name}:stable", self._dockerfile(text))

    def _dockerfile(self, text: str) -> str:
        return f"FROM {self.base}\nLABEL {MARK}={self.name}\nENV TEXT={text}\n"

    async def define(self, sha: str, edit: Edit = lambda _: None, **services: Any) -> Definition:
        """Defines a release whose services are `services`, for both colors and the bot where one is missing."""
        tree = self.sample.directory / "trees" / sha
        tree.mkdir(parents=True, exist_ok=True)
        every = {name: {"command": SLEEPS, "image": self.image} for name in (BLUE, GREEN, BOT)}
        for name, service in services.items():
            every[name.replace("_", "-")] = {"command": SLEEPS, **service}
        (tree / "docker-compose.yml").write_text(yaml.safe_dump({"services": every}))
        edit(tree)
        return await self.engine.define(tree, Stamp(f"v-{sha}", sha, f"r-{sha}"))

    async def obtain(self, definition: Definition, *services: str) -> None:
        await self.engine.build(definition, services or (BLUE, BOT), self.lines.append)

    async def text_of(self, definition: Definition, service: str) -> str:
        """What the container says that `definition` starts for `service`."""
        instance = await start_one(self.engine, definition, service)
        return said_by(self.sample.client.containers.get(instance.id))

    def pulled(self) -> list[Image]:
        """The images from the bench's repository that are on this machine."""
        repository = f"{self.hub.host}/{self.name}"
        names = {f"{repository}:stable", repository}
        listed = self.sample.client.api.images()  # other tests remove theirs meanwhile, so none is looked at but ours
        own = [i for i in listed if names & {*(i["RepoTags"] or ()), *map(_repository, i["RepoDigests"] or ())}]
        return [self.sample.client.images.get(image["Id"]) for image in own]

    def remove(self) -> None:
        """Removes what the test has pulled, and its definitions: other tests have releases with the same commits."""
        self.sample.remove_containers()
        shutil.rmtree(self.sample.directory / "releases", ignore_errors=True)
        for image in self.pulled():
            self.sample.client.images.remove(str(image.id), force=True)

    async def goes_live(self, sha: str, color: str = BLUE) -> str:
        definition = await self.define(sha)
        await self.obtain(definition, color, BOT)
        return await self.text_of(definition, color)

    async def recalled(self, sha: str, service: str) -> str:
        return await self.text_of(await self.engine.recall(Stamp(f"v-{sha}", sha, "r-back"), [service]), service)


@pytest.fixture
def bench(sample: Sample, images: tuple[str, str], hub: Registry) -> Iterator[Bench]:
    bench = Bench(sample, images[0], hub)
    yield bench
    bench.remove()


def builds(text: str) -> Callable[[Path], None]:
    def write(tree: Path) -> None:
        (tree / "Dockerfile").write_text(f"ARG BASE\nFROM ${{BASE}}\nENV TEXT={text}\n")

    return write


def a_build(bench: Bench, **more: Any) -> dict[str, Any]:
    return {"context": ".", "args": {"BASE": bench.base}, **more}


class TestPulled:
    async def test_release_runs_the_registrys_content(self, bench: Bench) -> None:
        """Although an older one of that name is here."""
        bench.push("one")
        assert await bench.goes_live("a" * 40) == "one"
        digest = bench.push("two")
        assert await bench.goes_live("b" * 40, GREEN) == "two"
        services = json.loads(bench.engine.defined("b" * 40).path.read_text())["services"]
        assert {services[name]["image"] for name in (BLUE, GREEN, BOT)} == {f"{bench.image}@{digest}"}
        assert any(f"{GREEN}, {BOT}: {bench.image} is {bench.image}@{digest}" in line for line in bench.lines)

    @pytest.mark.parametrize("service", [BLUE, GREEN])
    async def test_rollback_runs_the_old_digest(self, bench: Bench, service: str) -> None:
        """On the color that it ran on, and on the other one."""
        bench.push("one")
        await bench.goes_live("a" * 40)
        bench.push("bad")
        assert await bench.goes_live("b" * 40, GREEN) == "bad"
        assert await bench.recalled("a" * 40, service) == "one"

    async def test_rollback_needs_no_registry_name(self, bench: Bench) -> None:
        """An operator has removed the image's name and what no container uses."""
        bench.push("one")
        await bench.goes_live("a" * 40)
        bench.sample.remove_containers()
        bench.sample.client.images.remove(bench.image)
        bench.sample.client.images.prune({"label": f"{MARK}={bench.name}"})  # not what other tests are building
        assert await bench.engine.missing("a" * 40, [BLUE, BOT]) == []
        assert await bench.recalled("a" * 40, BLUE) == "one"

    async def test_definition_without_digest_is_no_way_back(self, bench: Bench) -> None:
        """It was defined, but its rollout ended before the pull."""
        bench.push("one")
        await bench.goes_live("a" * 40)
        await bench.define("c" * 40)
        assert await bench.engine.missing("c" * 40, [BLUE]) == [bench.image]

    async def test_failed_second_deploy_leaves_the_way_back(self, bench: Bench) -> None:
        """The release was deployed again after its tag was overwritten, and failed; or it is good and stays."""
        bench.push("one")
        await bench.goes_live("a" * 40)
        bench.push("bad")
        assert await bench.goes_live("a" * 40) == "bad"
        assert await bench.recalled("a" * 40, GREEN) == "one"
        assert await bench.goes_live("a" * 40) == "bad"
        await bench.engine.publish(bench.engine.defined("a" * 40), Color.BLUE)
        bench.sample.client.images.remove(bench.image)
        assert await bench.recalled("a" * 40, GREEN) == "bad"

    async def test_definition_of_earlier_versions_runs_its_containers_image(self, bench: Bench) -> None:
        bench.push("one")
        await bench.goes_live("a" * 40)
        own = image_name(bench.sample.stack.project, BLUE, "a" * 40)
        await bench.define("a" * 40)
        file = bench.engine.defined("a" * 40).path
        file.write_text(json.dumps(settled(json.loads(file.read_text()))))
        bench.sample.client.images.remove(own)
        bench.push("two")
        assert await bench.engine.missing("a" * 40, [BLUE]) == []
        assert await bench.recalled("a" * 40, BLUE) == "one"

    async def test_image_by_digest_needs_no_registry(self, bench: Bench) -> None:
        digest = bench.push("one")
        await bench.goes_live("a" * 40)
        await bench.goes_live("a" * 40)
        by_digest = {"image": f"{bench.hub.host}/{bench.name}@{digest}"}
        definition = await bench.define("d" * 40, skills_blue=by_digest, bot=by_digest)
        await bench.obtain(definition)
        assert "Pulled" not in "".join(bench.lines[-3:])
        assert await bench.text_of(definition, BLUE) == "one"

    async def test_unchanged_image_keeps_the_bot(self, bench: Bench) -> None:
        bench.push("one")
        await bench.goes_live("a" * 40)
        bot = await start_one(bench.engine, bench.engine.defined("a" * 40), BOT)
        await bench.goes_live("b" * 40)
        assert await bench.engine.unchanged(bot, bench.engine.defined("b" * 40))
        bench.push("two")
        await bench.goes_live("c" * 40)
        assert not await bench.engine.unchanged(bot, bench.engine.defined("c" * 40))


class TestShared:
    async def test_one_build_serves_all_services_of_its_image(self, bench: Bench) -> None:
        """Not the old image of that name that is here."""
        bench.make("months-old", bench.name)
        try:
            web = {"build": a_build(bench), "image": f"{bench.name}:latest"}
            worker = {"image": bench.name}
            definition = await bench.define("a" * 40, builds("new"), skills_blue=web, skills_green=web, bot=worker)
            await bench.obtain(definition)
            assert await bench.text_of(definition, BOT) == "new"
        finally:
            bench.sample.client.images.remove(bench.name)

    async def test_builder_need_not_move(self, bench: Bench) -> None:
        """And its image may have the name that Compose gives it."""
        bench.name = f"{bench.sample.stack.project}-base"
        services: dict[str, Any] = {name: {"image": bench.name} for name in ("skills_blue", "skills_green", "bot")}
        definition = await bench.define("b" * 40, builds("base"), **services, base={"build": a_build(bench)})
        await bench.obtain(definition)
        assert await bench.text_of(definition, BLUE) == "base"

    async def test_two_builds_of_one_image_are_refused(self, bench: Bench) -> None:
        web = {"image": bench.name, "build": a_build(bench)}
        other = {"image": bench.name, "build": a_build(bench, target="other")}
        with pytest.raises(
            ComposeInvalid, match=f"bot uses the image {bench.name}, which skills-blue and skills-green"
        ):
            await bench.define("c" * 40, skills_blue=web, skills_green=other, bot={"image": bench.name})


class TestOfThisMachine:
    async def test_content_stays_after_the_name_has_moved(self, bench: Bench) -> None:
        local = {"image": f"{bench.name}:local", "pull_policy": "never"}
        services: dict[str, Any] = dict.fromkeys(("skills_blue", "skills_green", "bot"), local)
        try:
            bench.make("one", f"{bench.name}:local")
            await bench.obtain(await bench.define("a" * 40, **services))
            bench.make("two", f"{bench.name}:local")
            assert await bench.text_of(bench.engine.defined("a" * 40), BLUE) == "one"
            assert await bench.recalled("a" * 40, GREEN) == "one"
        finally:
            bench.sample.client.images.remove(f"{bench.name}:local")

    async def test_missing_image_is_refused(self, bench: Bench) -> None:
        local = {"image": f"{bench.name}:local", "pull_policy": "never"}
        definition = await bench.define("a" * 40, skills_blue=local)
        with pytest.raises(BuildFailed, match="is not on this machine, and `pull_policy: never`"):
            await bench.obtain(definition, BLUE)


class TestLate:
    async def test_image_that_comes_later_is_waited_for(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(release_images, "ASK_AGAIN_SECONDS", 0.1)
        definition = await bench.define("a" * 40)
        pulling = asyncio.create_task(bench.obtain(definition))

        async def waits() -> bool:
            return any("does not have it yet" in line for line in bench.lines)

        await until(waits)
        bench.push("late")
        await pulling
        assert await bench.text_of(definition, BLUE) == "late"

    async def test_image_that_never_comes_is_refused(self, bench: Bench) -> None:
        bench.with_times(image=0)
        definition = await bench.define("a" * 40)
        with pytest.raises(
            BuildFailed, match=r"did not get the image within 0 s \(times/image\).*not found"
        ) as refused:
            await bench.obtain(definition, BLUE)
        assert "Traffic is unchanged. Publish the image, then deploy the tag again" in refused.value.detail


@pytest.mark.filterwarnings("ignore:docker-credential-none-such")
class TestCredentials:
    @pytest.fixture
    def config(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
        """Writes the worker's `config.json`."""
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
        (tmp_path / "docker").mkdir()
        return (tmp_path / "docker" / "config.json").write_text

    @pytest.fixture
    def private(self, config: Config, sample: Sample, images: tuple[str, str], locked: Registry) -> Iterator[Bench]:
        config(locked.credentials())
        bench = Bench(sample, images[0], locked)
        bench.push("private")
        yield bench
        bench.remove()

    async def test_credentials_of_docker_config_are_used(self, private: Bench) -> None:
        assert await private.goes_live("a" * 40) == "private"

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("{}", "no basic auth credentials"),
            ("wrong", "unauthorized"),
            ('{"credsStore": "none-such"}', "docker-credential-none-such"),
        ],
    )
    async def test_refusal_is_not_waited_for(self, private: Bench, config: Config, content: str, words: str) -> None:
        """Although an image of that name is here."""
        await private.goes_live("a" * 40)
        await private.engine.publish(private.engine.defined("a" * 40), Color.BLUE)
        config(private.hub.credentials("wrong") if content == "wrong" else content)
        with pytest.raises(BuildFailed, match=words) as refused:
            await private.goes_live("b" * 40)
        assert "Give the worker credentials for that registry (DOCKER_CONFIG" in refused.value.detail
        (answer,) = (await private.engine.refused_images()).values() or ("",)
        assert words in answer

    async def test_registry_that_gives_the_image_is_not_reported(self, private: Bench) -> None:
        await private.goes_live("a" * 40)
        await private.engine.publish(private.engine.defined("a" * 40), Color.BLUE)
        assert await private.engine.refused_images() == {}


class TestPruning:
    async def test_image_of_a_release_that_is_not_kept_goes(self, bench: Bench) -> None:
        for sha, text in (("a", "one"), ("b", "two"), ("c", "three")):
            bench.push(text)
            await bench.goes_live(sha * 40)
        bench.sample.remove_containers()
        await bench.engine.prune(["b" * 40, "c" * 40])
        assert sorted(map(said_by, bench.pulled())) == ["three", "two"]
        await bench.engine.prune([])
        assert bench.pulled() == []

    async def test_image_that_a_container_uses_stays(self, bench: Bench) -> None:
        """Also one of another project, which runs, or is stopped."""
        digest = bench.push("one")
        await bench.goes_live("a" * 40)
        bench.sample.remove_containers()
        by_digest = f"{bench.image}@{digest}"
        other = bench.sample.client.containers.create(by_digest, SLEEPS)
        try:
            await bench.engine.prune([])
            assert bench.sample.client.images.get(by_digest).id == other.attrs["Image"]
        finally:
            other.remove()
