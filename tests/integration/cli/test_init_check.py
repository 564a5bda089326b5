"""`updater init --check`: the newest release of a clone, read with the stack file, before any worker runs."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.stack import Channel
from app.domain.tags import DatedTag
from deploy.demo.processes import ROOT
from tests.examples import a_stack
from tests.integration.cli.newcomer import Newcomer, environment, newcomer
from workers.preview import newest

SECONDS = 120
AUTHOR = ["-c", "user.name=octo", "-c", "user.email=octo@example.org", "-c", "commit.gpgsign=false"]


def git(live: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(live), *AUTHOR, *words], check=True, timeout=SECONDS, capture_output=True)


def tagged(sample: Newcomer, tag: str) -> None:
    git(sample.live, "add", "--all", "--", ".", ":!.env", ":!secrets")
    git(sample.live, "commit", "--quiet", "--message", tag)
    git(sample.live, "tag", tag)


def updater(sample: Newcomer, *words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "app.cli", "init", str(sample.below), "--output", str(sample.stack_file), *words]
    environ = {**environment(), "DOCKER_HOST": f"unix://{sample.live.parent}/no-engine.sock"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=SECONDS)
    return done.returncode, done.stdout + done.stderr


def checked(sample: Newcomer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(updater(sample, "--check", "--json")[1])["checked"]
    return found


def test_newest_tag_is_read_with_the_proposed_file(tmp_path: Path) -> None:
    sample = newcomer("rails", tmp_path)
    tagged(sample, "v1.9.0")
    (sample.live / "Dockerfile").write_text("FROM ruby:3.4-slim\n")
    tagged(sample, "v1.10.0")
    code, output = updater(sample, "--check")
    assert code == 0, output
    assert f"Written: {sample.stack_file}" in output
    assert "v1.10.0, the newest fitting tag of this clone" in output
    assert "  web-blue: built from ." in output
    assert "  sidekiq: built from ." in output
    assert "  warning: web-blue and web-green are made from web without its container_name forum-web" in output
    assert "change-me" not in output


def test_answered_file_is_checked_and_kept(tmp_path: Path) -> None:
    sample = newcomer("helpdesk", tmp_path)
    tagged(sample, "v2.0.0")
    assert updater(sample)[0] == 0
    before = sample.stack_file.read_text()
    found = checked(sample)
    assert (found["tag"], found["questions_left"], found["passed"]) == ("v2.0.0", 2, True)
    images = {each["service"]: each["image"] for each in found["images"]}
    assert images["app-blue"] == "ghcr.io/octo/helpdesk:v2.0.0"
    assert sample.stack_file.read_text() == before


def test_release_that_would_be_refused_fails_the_check(tmp_path: Path) -> None:
    sample = newcomer("surveys", tmp_path)
    compose = sample.live / "compose.yaml"
    compose.write_text(compose.read_text().replace("deploy: {replicas: 2}", "environment: {TOKEN: '${NEW_TOKEN}'}"))
    tagged(sample, "v1.0.0")
    code, output = updater(sample, "--check")
    assert code == 1
    assert "  would be refused: variable_missing: nothing sets NEW_TOKEN (consumer)" in output


def test_missing_tag_fails_the_check(tmp_path: Path) -> None:
    sample = newcomer("surveys", tmp_path)
    tagged(sample, "nightly")
    code, output = updater(sample, "--check")
    assert (code, "No tag of this clone fits `tags` and `channel`" in output) == (1, True)
    assert 'write `tags: {pattern: "*", order: published}` in the stack file' in " ".join(output.split())


@pytest.mark.parametrize(("channel", "tag"), [(Channel.STABLE, "v1.10.0"), (Channel.PRERELEASE, "v2.0.0-rc.1")])
def test_newest_is_by_version_and_channel(channel: Channel, tag: str) -> None:
    tags = ["v1.9.0", "v1.10.0", "v2.0.0-rc.1", "nightly", "web-v3.0.0"]
    assert newest(map(DatedTag, tags), replace(a_stack(), channel=channel)) == tag


def test_secret_of_the_host_is_hidden(tmp_path: Path) -> None:
    sample = newcomer("docs-site", tmp_path)
    secret = "hunter2-hunter2-hunter2"
    (sample.live / ".env").write_text(f"SITE_PASSWORD={secret}\n")
    compose = sample.live / "compose.yaml"
    compose.write_text(f"{compose.read_text()}    volumes: ['./${{SITE_PASSWORD}}:/secret:ro']\n")
    tagged(sample, "v1.0.0")
    code, output = updater(sample, "--check", "--json")
    assert (code, os.linesep in output) == (1, True)
    assert secret not in json.dumps(json.loads(output)["checked"])
