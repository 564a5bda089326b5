"""Options of a Compose file that refer to a file, a variable or an image, as Compose resolves them for a release."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.stack import ReleaseValue
from tests.integration.compose.read_release import BLUE, Bench, content
from workers.definition.services.copies import copies_of
from workers.ports import Origin

OWN, OLD = "the release's", "an old one"


def put_both(bench: Bench, name: str) -> None:
    """`name` in the release, and another version of it in the live directory."""
    bench.put(bench.tree, name, OWN)
    bench.put(bench.live, name, OLD)


async def test_inline_dockerfile_and_arguments_are_the_releases(bench: Bench) -> None:
    bench.stack = replace(bench.stack, variables={"APP_TAG": ReleaseValue.TAG})
    args = {"TAG": "${APP_TAG}", "UPDATER_SHORT_SHA": None}
    bench.compose({"build": {"context": ".", "dockerfile_inline": "FROM scratch", "args": args}})
    build = (await bench.service())["build"]
    assert build["dockerfile_inline"] == "FROM scratch"
    assert build["args"] == {"TAG": "v1.1.0", "UPDATER_SHORT_SHA": "0123456789ab"}


async def test_contexts_are_the_releases_or_stay(bench: Bench) -> None:
    contexts = {"lib": "./lib", "base": "service:base", "image": "docker-image://alpine:3"}
    bench.compose({"build": {"context": "app", "additional_contexts": contexts}}, services={"base": {"build": "base"}})
    for name in ("app/Dockerfile", "lib/a", "base/Dockerfile"):
        put_both(bench, name)
    build = (await bench.service())["build"]
    assert build["context"] == str(bench.tree / "app")
    assert build["additional_contexts"] == {**contexts, "lib": str(bench.tree / "lib")}


async def test_base_image_that_another_service_builds_is_refused(bench: Bench) -> None:
    """The updater does not build that service, so the base would be an earlier release's."""
    base = {"build": "base", "image": "shop/base"}
    bench.compose({"build": {"context": ".", "dockerfile": "web/Dockerfile"}}, services={"base": base})
    bench.put(bench.tree, "base/Dockerfile", "FROM scratch")
    bench.put(bench.tree, "web/Dockerfile", "FROM shop/base")
    (problem,) = (await bench.read()).problems
    assert "bot: its Dockerfile uses the image shop/base, which base builds" in problem.detail


async def test_build_that_another_build_needs_is_read_as_well(bench: Bench) -> None:
    """The service `base` is only built: no rollout moves it."""
    base = {"build": {"context": "base", "args": {"REVISION": "${NEVER_SET}"}, "secrets": ["npm"]}}
    build = {"context": ".", "additional_contexts": {"base": "service:base"}}
    bench.compose({"build": build}, services={"base": base}, secrets={"npm": {"environment": "NPM_TOKEN"}})
    for name in ("Dockerfile", "base/Dockerfile"):
        put_both(bench, name)
    (problem,) = (await bench.read()).problems
    assert "nothing sets NEVER_SET (base), NPM_TOKEN (a secret or config)" in problem.detail
    bench.put(bench.live, ".env", "NPM_TOKEN=t0ken\nNEVER_SET=1\n")
    assert not (await bench.read()).problems


async def test_build_secret_is_the_releases_file_or_todays_value(bench: Bench) -> None:
    secrets = {"file": {"file": "./npmrc"}, "value": {"environment": "NPM_TOKEN"}}
    bench.compose({"build": {"context": ".", "secrets": ["file", "value"]}}, secrets=secrets)
    put_both(bench, "Dockerfile")
    bench.put(bench.live, "npmrc", "of the host")
    bench.put(bench.live, ".env", "NPM_TOKEN=t0ken\n")
    read = await bench.read()
    assert not read.problems
    assert read.model["secrets"]["file"]["file"] == str(bench.live / "npmrc")
    assert read.model["secrets"]["value"]["environment"] == "NPM_TOKEN"
    assert "t0ken" not in str(read.model)


@pytest.mark.parametrize("part", ["configs", "secrets"])
async def test_config_file_is_a_copy_of_the_releases(bench: Bench, part: str) -> None:
    declared: dict[str, Any] = {part: {"site": {"file": "./site.conf"}}}
    bench.compose({part: ["site"]}, **declared)
    put_both(bench, "site.conf")
    read = await bench.read()
    assert content(read.model[part]["site"]["file"]) == OWN
    assert {(f.path, f.origin) for f in read.files} == {("site.conf", Origin.RELEASE)}


async def test_config_has_content_or_a_value(bench: Bench) -> None:
    configs = {"text": {"content": "tag=${UPDATER_TAG}"}, "value": {"environment": "SITE"}}
    bench.compose({"configs": ["text", "value"]}, configs=configs)
    bench.put(bench.live, ".env", "SITE=shop\n")
    read = await bench.read()
    assert not read.problems
    assert read.model["configs"]["text"]["content"] == "tag=v1.1.0"
    assert read.model["configs"]["value"]["environment"] == "SITE"


async def test_raw_env_file_keeps_every_character(bench: Bench) -> None:
    bench.compose({"env_file": [{"path": "app.env", "format": "raw"}]})
    bench.put(bench.tree, "app.env", "VALUE='a $b' # c\n")
    assert (await bench.service())["environment"] == {"VALUE": "'a $$b' # c"}


async def test_mount_that_a_container_writes_to_is_the_hosts(bench: Bench) -> None:
    bench.compose({"volumes": ["./data:/data", "./site.conf:/site.conf:ro"]})
    put_both(bench, "data/kept")
    put_both(bench, "site.conf")
    mounts = {mount["target"]: mount["source"] for mount in (await bench.service())["volumes"]}
    assert mounts["/data"] == str(bench.live / "data")
    assert content(mounts["/site.conf"]) == OWN


async def test_device_of_a_volume_is_the_hosts(bench: Bench) -> None:
    options = {"type": "none", "o": "bind", "device": "${PWD}/data"}
    bench.compose({"volumes": ["kept:/data"]}, volumes={"kept": {"driver_opts": options}})
    put_both(bench, "data/kept")
    read = await bench.read()
    assert read.model["volumes"]["kept"]["driver_opts"]["device"] == str(bench.live / "data")


async def test_volume_whose_device_changed_is_refused(bench: Bench) -> None:
    """Compose would keep the one that exists, without a word."""
    options = {"type": "none", "o": "bind", "device": "/srv/${PLACE}"}
    bench.compose({"volumes": ["kept:/data"]}, volumes={"kept": {"driver_opts": options}})
    bench.put(bench.live, ".env", "PLACE=one\n")
    live = await bench.read()
    assert not live.problems
    assert not (await bench.read(live.model)).problems
    bench.put(bench.live, ".env", "PLACE=two\n")
    (problem,) = (await bench.read(live.model)).problems
    assert "volumes/kept has another driver_opts than shop_kept" in problem.detail


async def test_image_with_a_variable_is_the_releases(bench: Bench) -> None:
    bench.compose({"image": "ghcr.example/shop:${UPDATER_VERSION}"})
    assert (await bench.read()).model["services"][BLUE]["image"] == "ghcr.example/shop:1.1.0"


@pytest.mark.parametrize(
    "option", [{"scale": 3}, {"deploy": {"replicas": "3"}}, {"scale": 3, "deploy": {"replicas": 3}}]
)
async def test_number_of_copies_is_the_releases(bench: Bench, option: dict[str, Any]) -> None:
    bench.compose(option, services={"bot": {"image": "shop"}})
    assert copies_of(await bench.service()) == 3
    assert (await bench.read()).problems == ()


async def test_copies_that_cannot_run_side_by_side_are_refused(bench: Bench) -> None:
    bench.compose({"scale": 0, "ports": ["8080:80"]}, services={"bot": {"image": "shop", "scale": 2}})
    (problem,) = (await bench.read()).problems
    for text in (
        "api-blue has scale 0",
        "api-green has scale 0",
        "bot has scale 2, but a singleton must never run twice",
    ):
        assert text in str(problem)
    bench.compose({"ports": ["8080:80"]}, services={"bot": {"image": "shop"}})
    (problem,) = (await bench.read()).problems
    assert "api-blue and api-green have port 8080 of the host (tcp)" in str(problem)


async def test_colors_with_other_numbers_of_copies_are_a_warning(bench: Bench) -> None:
    bench.compose({}, services={"bot": {"image": "shop"}, BLUE: {"image": "shop", "scale": 2}})
    read = await bench.read()
    assert read.problems == ()
    assert any("api-blue has 2 copies and api-green has 1 copy" in warning for warning in read.warnings)
