"""Which images a release's services use."""

from typing import Any

import pytest

from app.domain.errors import ComposeInvalid
from workers.definition.images.service_images import left_behind, repository_and_tag, with_images_of, with_shared_builds

MOVED = ("web-blue", "web-green", "bot")
BUILD = {"context": "."}
HUB = "hub.example"


def model(**services: dict[str, Any]) -> dict[str, Any]:
    return {"services": {name.replace("_", "-"): service for name, service in services.items()}}


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("app", ("app", "latest")),
        ("app:1", ("app", "1")),
        ("team/app@sha256:ab", ("team/app", "latest")),
        ("127.0.0.1:5000/app", ("127.0.0.1:5000/app", "latest")),
        ("127.0.0.1:5000/app:1@sha256:ab", ("127.0.0.1:5000/app", "1")),
    ],
)
def test_name_and_tag_of_an_image(image: str, name: tuple[str, str]) -> None:
    assert repository_and_tag(image) == name


@pytest.mark.parametrize(
    ("built", "used"),
    [
        ("app", "app"),
        ("app:latest", "app"),
        (None, "shop-web-blue"),
        ("octo/app", f"{HUB}/octo/app"),
        (f"{HUB}/library/app", "app"),
    ],
)
def test_service_has_the_build_of_its_image(built: str | None, used: str) -> None:
    web = {"build": BUILD, **({"image": built} if built else {})}
    found = with_shared_builds(model(web_blue=web, bot={"image": used}), MOVED, "shop", HUB)
    assert found["services"]["bot"] == {"image": used, "build": BUILD}


def test_service_has_the_build_with_its_images_tag() -> None:
    build = {**BUILD, "tags": ["team/app:stable", "app:latest"]}
    found = with_shared_builds(model(web_blue={"build": build}, bot={"image": "app"}), MOVED, "shop", HUB)
    assert found["services"]["bot"] == {"image": "app", "build": build}


@pytest.mark.parametrize("other", ["app:2", "team/app", "web-blue", f"app@sha256:{'0' * 64}"])
def test_another_image_is_no_build(other: str) -> None:
    given = model(web_blue={"build": BUILD, "image": "app"}, bot={"image": other})
    assert with_shared_builds(given, MOVED, "shop", HUB) == given


def test_own_build_counts() -> None:
    given = model(web_blue={"build": BUILD, "image": "app"}, bot={"build": {"context": "bot"}, "image": "app"})
    assert with_shared_builds(given, MOVED, "shop", HUB) == given


def test_different_builds_of_one_image_are_refused() -> None:
    web = {"image": "app", "build": BUILD}
    other = {"image": "app", "build": {"context": "other"}}
    with pytest.raises(ComposeInvalid, match="bot uses the image app, which web-blue and web-green build"):
        with_shared_builds(model(web_blue=web, web_green=other, bot={"image": "app"}), MOVED, "shop", HUB)


def test_service_that_no_rollout_moves_is_named() -> None:
    given = model(web_blue={"image": "app", "build": BUILD}, worker={"image": "app"}, cache={"image": "redis"})
    (said,) = left_behind(given, MOVED, "shop", HUB)
    assert said.startswith("worker uses the image app, built by web-blue, but no rollout moves worker")
    assert with_shared_builds(given, MOVED, "shop", HUB) == given
    assert left_behind(given, (*MOVED, "worker"), "shop", HUB) == []


def test_job_that_an_older_release_lacks_keeps_its_own_image() -> None:
    """A model without an image would be invalid as a whole."""
    now = {"services": {"bot": {"image": "bot:2"}, "migrate": {"image": "migrate:2"}}}
    found = with_images_of(now, {"services": {"bot": {"image": "bot@sha256:1"}}}, ["bot", "migrate"])
    assert found["services"] == {"bot": {"image": "bot@sha256:1"}, "migrate": {"image": "migrate:2"}}
