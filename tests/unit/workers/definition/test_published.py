"""The published file is valid for a plain `docker compose`, as Compose itself says."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.stack import BeforeFlip, Color, Follower, RoutedService, Singleton, Stack
from tests.examples import a_stack
from workers.adapters.docker_host.compose.program import find_compose
from workers.definition.live_model import JOB_PROFILE, as_it_runs
from workers.definition.published import IDLE_PROFILE, required, startable
from workers.definition.services.copies import copies_of
from workers.definition.services.retired import without_retired
from workers.definition.transform import restamp, transform
from workers.ports import Stamp

STACK = a_stack(routed=a_stack().routed[1:])
STAMP = Stamp("v1.1.0", "b" * 40, "r-1")
Service = dict[str, Any]


def started(*names: str) -> dict[str, Any]:
    return {name: {"condition": "service_started", "required": True} for name in names}


def model(**services: Service) -> dict[str, Any]:
    """A release with the services of the stack, and `services` beside them or in their place."""
    names = ("api-blue", "api-green", "bot", "db")
    usual: dict[str, Service] = {n: {"image": f"octo/{n}:1", "build": {"context": f"/gone/{n}"}} for n in names}
    return {"name": "shop", "services": usual | {name.replace("_", "-"): each for name, each in services.items()}}


def built(image: str) -> Service:
    return {"image": image, "build": {"context": "/gone"}}


def published(source: dict[str, Any], color: Color = Color.BLUE, stack: Stack = STACK) -> dict[str, Any]:
    return as_it_runs(transform(source, stack, STAMP), None, stack, color, {}, sha=STAMP.sha)


def compose(file: Path, *command: str) -> str:
    arguments = [*find_compose(), "--file", str(file), *command]
    finished = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=file.parent, timeout=300)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def started_by_hand(tmp_path: Path, content: dict[str, Any]) -> set[str]:
    """The services that `docker compose up` would start. Fails unless Compose accepts the file."""
    file = tmp_path / "compose.json"
    file.write_text(json.dumps(content))
    compose(file, "--profile", "*", "config", "--quiet")
    return set(compose(file, "config", "--services").split())


USES: dict[str, Service] = {
    "depends_on": {"depends_on": started("api-blue", "api-green")},
    "links": {"links": ["api-blue", "api-green:api"]},
    "volumes_from": {"volumes_from": ["api-green:ro"]},
    "network_mode": {"network_mode": "service:api-green"},
    "ipc": {"ipc": "service:api-green"},
    "pid": {"pid": "service:api-green"},
    "additional_contexts": {"build": {"context": "/gone", "additional_contexts": {"base": "service:api-green"}}},
    "build without its tree": {"build": {"context": "/no/such/tree"}, "depends_on": started("api-green")},
}


@pytest.mark.parametrize("color", Color)
@pytest.mark.parametrize("use", USES)
def test_a_service_that_needs_a_color_needs_the_live_one(use: str, color: Color, tmp_path: Path) -> None:
    content = published(model(nginx={"image": "nginx", **USES[use]}), color)
    assert started_by_hand(tmp_path, content) == {f"api-{color}", "bot", "db", "nginx"}
    nginx = content["services"]["nginx"]
    assert f"api-{color.other}" not in {*required(nginx), *nginx.get("depends_on", ())}


@pytest.mark.parametrize(
    "use", ["depends_on", "links", "volumes_from", "network_mode", "ipc", "pid", "additional_contexts"]
)
def test_what_a_live_service_needs_is_in_no_profile(use: str, tmp_path: Path) -> None:
    """Only `depends_on` can be loosened: it does not start what the operator did not ask for."""
    text = json.dumps(USES[use]).replace("api-blue", "db").replace("api-green", "cache")
    need = json.loads(text)
    cache = {"image": "redis:7", "build": {"context": "/gone"}, "profiles": ["extra"]}
    content = published(
        model(api_blue={"image": "octo/api", **need}, api_green={"image": "octo/api", **need}, cache=cache)
    )
    assert started_by_hand(tmp_path, content) == {"api-blue", "bot", "db", *(["cache"] if use != "depends_on" else [])}


def test_a_chain_of_profiles_starts_as_a_whole(tmp_path: Path) -> None:
    content = published(
        model(
            bot={"image": "octo/bot", "network_mode": "service:vpn"},
            vpn={"image": "vpn", "profiles": ["vpn"], "volumes_from": ["keys"]},
            keys={"image": "keys", "profiles": ["keys"], "depends_on": started("cache")},
            cache={"image": "redis", "profiles": ["extra"]},
        )
    )
    assert started_by_hand(tmp_path, content) == {"api-blue", "bot", "db", "vpn", "keys"}


def test_an_idle_profile_of_the_release_is_kept_apart(tmp_path: Path) -> None:
    content = published(model(tools={"image": "tools", "profiles": ["tools"], "depends_on": started("api-green")}))
    assert started_by_hand(tmp_path, content) == {"api-blue", "bot", "db"}
    assert content["services"]["tools"]["depends_on"] == started("api-blue")


def test_a_retired_service_leaves_a_valid_file(tmp_path: Path) -> None:
    stack = a_stack(routed=STACK.routed, retired=("old",))
    source = model(old={"image": "old"}, nginx={"image": "nginx", "depends_on": started("old", "db"), "links": ["old"]})
    content = without_retired(published(source, stack=stack), stack)
    assert started_by_hand(tmp_path, content) == {"api-blue", "bot", "db", "nginx"}


def test_a_missing_color_leaves_a_valid_file(tmp_path: Path) -> None:
    """A definition of which one color is gone, with a service that still names it."""
    content = published(model(nginx={"image": "nginx", "depends_on": started("api-green")}))
    del content["services"]["api-green"]
    again = startable(content, {"api-green": "api-blue"})
    assert started_by_hand(tmp_path, again) == {"api-blue", "bot", "db", "nginx"}


@pytest.mark.parametrize("use", USES)
def test_what_the_stack_file_no_longer_names_does_not_start(use: str, tmp_path: Path) -> None:
    """The release had them: a bot, and a routed service. What cannot run without them does not start either."""
    text = json.dumps(USES[use]).replace("api-blue", "old-blue").replace("api-green", "old-blue")
    colors = {Color.BLUE: "old-blue", Color.GREEN: "old-green"}
    before = a_stack(
        routed=(*STACK.routed, _named(STACK, "old", colors)), singletons=(Singleton("bot", "bot"), Singleton("x", "x"))
    )
    user = {"image": "u", **json.loads(text)}
    source = model(old_blue=built("o"), old_green=built("o"), x={"image": "x"}, user=user)
    content = as_it_runs(transform(source, before, STAMP), None, STACK, Color.BLUE, {}, sha=STAMP.sha)
    soft = use in {"depends_on", "build without its tree"}
    assert started_by_hand(tmp_path, content) == {"api-blue", "bot", "db", *(["user"] if soft else [])}
    assert content["services"]["x"]["profiles"] == [IDLE_PROFILE]


def _named(stack: Stack, name: str, colors: dict[Color, str]) -> RoutedService:
    return replace(stack.routed[0], name=name, colors=colors)


def test_a_kept_singleton_keeps_what_it_needs(tmp_path: Path) -> None:
    """The bot of the release before still runs, in the network of a service that the new release does not have."""
    bot = {"image": "octo/bot", "network_mode": "service:vpn", "depends_on": started("vpn", "gone")}
    vpn = {"image": "vpn", "volumes_from": ["keys"]}
    before = published(model(bot=bot, vpn=vpn, keys={"image": "keys"}, gone={"image": "gone"}))
    new = transform(model(), STACK, Stamp("v1.2.0", "c" * 40, "r-2"))
    content = as_it_runs(new, before, STACK, Color.GREEN, {"bot": "r-1"}, sha="c" * 40)
    assert started_by_hand(tmp_path, content) == {"api-green", "bot", "db", "vpn", "keys"}
    assert list(content["services"]["bot"]["depends_on"]) == ["vpn"]


MIGRATE = replace(STACK, before_flip=(BeforeFlip("migrate"),))
FROM_A_JOB = {"context": "/gone", "additional_contexts": {"base": "service:migrate"}}


@pytest.mark.parametrize("color", Color)
def test_what_is_built_from_the_image_of_a_job_starts(color: Color, tmp_path: Path) -> None:
    """The job does not, and the build still has its image."""
    users = {name: {"image": "x", "build": FROM_A_JOB} for name in ("api_blue", "api_green", "bot", "nginx")}
    content = published(model(**users, migrate=built("m")), color, MIGRATE)
    assert started_by_hand(tmp_path, content) == {f"api-{color}", "bot", "db", "nginx"}
    image = content["services"]["migrate"]["image"]
    for name in (f"api-{color}", "nginx"):
        contexts = content["services"][name]["build"]["additional_contexts"]
        assert contexts == {"base": f"docker-image://{image}"}
    assert content["services"]["migrate"]["profiles"] == [JOB_PROFILE]


@pytest.mark.parametrize("use", ["volumes_from", "network_mode"])
def test_a_service_that_is_a_job_only_now_starts_as_its_release_has_it(use: str, tmp_path: Path) -> None:
    """The stack file names it as a job since then. What runs in its network has to stay valid."""
    user = {"image": "x", **json.loads(json.dumps(USES[use]).replace("api-green", "seed"))}
    source = transform(model(bot=user, seed=built("s"), other=built("o")), STACK, STAMP)
    today = replace(STACK, before_flip=(BeforeFlip("seed"), BeforeFlip("other")))
    content = as_it_runs(source, None, today, Color.BLUE, {}, sha=STAMP.sha)
    assert started_by_hand(tmp_path, content) == {"api-blue", "bot", "db", "seed"}


@pytest.mark.parametrize("use", ["volumes_from", "network_mode", "additional_contexts"])
def test_an_adopted_stack_with_a_job_leaves_a_valid_file(use: str, tmp_path: Path) -> None:
    """Nothing has labels yet. What cannot run without the job does not start: the release is refused for it."""
    user = json.loads(json.dumps(USES[use]).replace("api-green", "migrate"))
    source = model(bot={"image": "x", **user}, migrate=built("m"))
    content = as_it_runs(source, None, MIGRATE, Color.BLUE, {}, sha=STAMP.sha)
    alone = use == "additional_contexts"
    assert started_by_hand(tmp_path, content) == {"api-blue", "db", *(["bot"] if alone else [])}


@pytest.mark.parametrize("several", [{"scale": 3}, {"deploy": {"replicas": 3}}])
def test_a_follower_that_became_a_singleton_is_not_started_twice(several: Service) -> None:
    """A rollback to a release with several copies runs one. A plain `docker compose up` must not start a second bot."""
    before = replace(STACK, singletons=(), followers=(Follower("bot", "bot"),))
    source = transform(model(bot={"image": "x", **several}), before, STAMP)
    for today in (STACK, before):
        content = as_it_runs(restamp(source, STACK, STAMP), None, today, Color.BLUE, {}, sha=STAMP.sha)
        assert copies_of(content["services"]["bot"]) == 1
    for today in (STACK, before):
        content = as_it_runs(source, None, today, Color.BLUE, {}, sha=STAMP.sha)
        assert copies_of(content["services"]["bot"]) == 3, "it is live since before the change: all its copies run"
