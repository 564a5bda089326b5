"""An image that a build begins with, and that another service of the release builds."""

from pathlib import Path
from typing import Any

import pytest

from workers.definition.images.bases import bases, built_bases

HUB = "docker.io"


def refused(context: Path, text: str, **build: Any) -> list[str]:
    (context / "Dockerfile").write_text(text)
    services = {
        "web": {"build": {"context": str(context), **build}, "image": "shop/web"},
        "base": {"build": {"context": str(context / "base")}, "image": "shop/base"},
        "tools": {"build": {"context": str(context / "tools")}},
        "postgres": {"image": "postgres:16"},
    }
    return list(built_bases({"services": services}, ["web"], "shop", HUB))


@pytest.mark.parametrize(
    "text",
    [
        "FROM shop/base\n",
        "from --platform=linux/amd64 docker.io/shop/base:latest as build\n",
        "ARG BASE=shop/base\nFROM ${BASE}\n",
        "FROM ${BASE:-shop/base}\n",
        "FROM \\\n  shop/base AS x\nFROM x\n",
        "FROM scratch\nCOPY --chown=1:1 --from=shop/base /a /a\n",
        "FROM scratch\nRUN --mount=type=cache,target=/c --mount=type=bind,from=shop/base,target=/b cp /b/a /a\n",
        "ARG TAG=latest OTHER='a b' IMAGE=\"shop/base\"\nFROM ${IMAGE}:${TAG}\n",
    ],
)
def test_base_that_another_service_builds_is_refused(tmp_path: Path, text: str) -> None:
    (problem,) = refused(tmp_path, text)
    assert problem.startswith("web: its Dockerfile uses the image ")
    assert "shop/base" in problem
    assert "which base builds" in problem


def test_name_that_compose_gives_an_image_counts(tmp_path: Path) -> None:
    assert "which tools builds" in refused(tmp_path, "FROM shop-tools")[0]


def test_argument_of_the_build_counts(tmp_path: Path) -> None:
    text = "ARG BASE=alpine\nFROM $BASE\n"
    assert not refused(tmp_path, text)
    assert refused(tmp_path, text, args={"BASE": "shop/base"})
    assert refused(tmp_path, "", dockerfile_inline="FROM shop/base")


@pytest.mark.parametrize(
    "text",
    [
        "FROM postgres:16",
        "FROM shop/base:1.4",
        "FROM shop/web",
        "FROM alpine AS shop/base\nFROM shop/base",
        "RUN x",
        "",
    ],
)
def test_other_bases_are_accepted(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, text) == []


def test_base_with_a_context_of_its_own_is_that(tmp_path: Path) -> None:
    assert refused(tmp_path, "FROM shop/base", additional_contexts={"shop/base": "service:base"}) == []


def test_dockerfile_that_is_elsewhere_is_not_read(tmp_path: Path) -> None:
    services = {"web": {"build": {"context": "https://github.com/octo/shop.git"}}, "base": {"build": {"context": "x"}}}
    assert list(built_bases({"services": services}, ["web"], "shop", HUB)) == []
    assert bases("FROM a\nFROM a\nFROM b", {}) == ["a", "b"]


def test_image_that_is_a_context_counts(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, "FROM base", additional_contexts={"base": "docker-image://shop/base:latest"})
    assert "web: its additional_contexts uses the image shop/base:latest, which base builds" in problem
    assert not refused(tmp_path, "FROM base", additional_contexts={"base": "service:base"})


def test_build_that_another_build_needs_counts(tmp_path: Path) -> None:
    for name, text in (("web", "FROM base"), ("base", "FROM shop/tools")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text(text)
    build = {"context": str(tmp_path / "web"), "additional_contexts": {"base": "service:base"}}
    services = {
        "web": {"build": build},
        "base": {"build": {"context": str(tmp_path / "base")}},
        "tools": {"build": {"context": str(tmp_path / "tools"), "tags": ["shop/tools:latest"]}},
    }
    (problem,) = built_bases({"services": services}, ["web"], "shop", HUB)
    assert problem.startswith("base: its Dockerfile uses the image shop/tools, which tools builds")
