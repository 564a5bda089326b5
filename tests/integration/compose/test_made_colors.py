"""Both colors are made from one service of a release: the definition that runs, and the one for people, are valid."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import ComposeInvalid, PolicyRefused, VariableMissing
from app.domain.stack import Color, Forbid, Policy, Singleton
from tests.integration.compose.read_release import SHA, Bench, content
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.docker_host.compose.release_reader import ReadRelease
from workers.definition.live_model import as_it_runs
from workers.definition.refusals.forbidden import refusal

SECONDS = 300


@pytest.fixture
def made(bench: Bench) -> Bench:
    """A bench whose stack file has `service: web`, and no singleton."""
    (api,) = bench.stack.routed
    colors = {color: f"web-{color}" for color in Color}
    bench.stack = replace(bench.stack, routed=(replace(api, colors=colors, made_from="web"),), singletons=())
    return bench


async def read(bench: Bench, web: dict[str, Any], **more: Any) -> ReadRelease:
    services = {"web": {"image": "shop", **web}} | more.pop("services", {})
    bench.put(bench.tree, "docker-compose.yml", json.dumps({"services": services, **more}))
    return await bench.read()


async def refusal_of(bench: Bench, web: dict[str, Any], **more: Any) -> str:
    (problem,) = (await read(bench, web, **more)).problems
    return problem.detail


def checked(model: dict[str, Any], directory: Path, *words: str) -> list[str]:
    """The services that Compose starts with a plain `up` of `model`, which it has to accept."""
    (directory / "compose.json").write_text(json.dumps(model))
    command = [*find_compose(), "--file", str(directory / "compose.json"), *words, "config", "--services"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return sorted(done.stdout.split())


@pytest.mark.parametrize("color", Color)
async def test_every_reference_to_the_service_stays_valid(made: Bench, tmp_path: Path, color: Color) -> None:
    web = {
        "build": {"context": "."},
        "container_name": "shop-web",
        "ports": ["8080:8000", "9000-9001:9000-9001/udp"],
        "networks": {"front": {"aliases": ["www"], "ipv4_address": "10.9.0.5"}},
        "depends_on": ["db"],
    }
    services = {
        "db": {"image": "db"},
        "nginx": {"image": "nginx", "depends_on": {"web": {"condition": "service_healthy"}}, "links": ["web:app"]},
        "cron": {"image": "shop", "depends_on": ["web"]},
        "bot": {"image": "bot", "depends_on": ["web"]},
        "shell": {"image": "shell", "profiles": ["debug"], "network_mode": "service:web", "volumes_from": ["web"]},
        "built": {"build": {"context": ".", "additional_contexts": {"base": "service:web"}}, "image": "built"},
    }
    made.stack = replace(made.stack, singletons=(Singleton("bot", "bot"),))
    made.put(made.tree, "Dockerfile", "FROM scratch")
    front = {"ipam": {"config": [{"subnet": "10.9.0.0/24"}]}}
    found = await read(made, web, services=services, networks={"front": front})
    assert found.problems == ()
    everything = ["bot", "built", "cron", "db", "nginx", "shell", "web-blue", "web-green"]
    assert checked(found.model, tmp_path, "--profile", "*") == everything
    live = as_it_runs(found.model, None, made.stack, color, {"bot": "r-1"}, sha=SHA)
    idle = {f"web-{color.other}", "shell"}
    assert checked(live, tmp_path) == [name for name in everything if name not in idle]
    assert checked(live, tmp_path, "--profile", "debug") == [n for n in everything if n != f"web-{color.other}"]
    assert live["services"]["nginx"]["depends_on"][f"web-{color}"]["condition"] == "service_healthy"
    assert live["services"][f"web-{color}"]["expose"] == ["8000", "9000/udp", "9001/udp"]


async def test_what_is_left_out_is_said(made: Bench) -> None:
    found = await read(made, {"container_name": "shop-web", "ports": ["127.0.0.1:8080:8000"]})
    assert found.warnings == (
        "web-blue and web-green are made from web without its container_name shop-web, published ports "
        "127.0.0.1:8080:8000: two copies cannot share that. Clients reach them through Traefik",
    )


async def test_colors_have_images_of_their_own(made: Bench) -> None:
    made.put(made.tree, "Dockerfile", "FROM scratch")
    found = (await read(made, {"build": {"context": "."}})).model["services"]
    assert [found[f"web-{color}"]["image"] for color in Color] == [f"shop-web-{color}:{SHA[:12]}" for color in Color]
    assert found["web-blue"]["build"] == found["web-green"]["build"]


async def test_unset_variable_names_the_written_service(made: Bench) -> None:
    found = await read(made, {"environment": {"TOKEN": "${NEW_TOKEN}"}})
    (problem,) = found.problems
    assert isinstance(problem, VariableMissing)
    assert problem.detail.startswith("nothing sets NEW_TOKEN (web). ")


async def test_mounted_file_of_the_release_is_in_both(made: Bench) -> None:
    made.put(made.tree, "site.conf", "new")
    found = await read(made, {"volumes": ["./site.conf:/site.conf:ro"]})
    assert [(file.path, file.service) for file in found.files] == [("site.conf", "web")]
    sources = {found.model["services"][f"web-{color}"]["volumes"][0]["source"] for color in Color}
    assert [content(source) for source in sources] == ["new"]


async def test_file_that_is_missing_names_the_written_service(made: Bench) -> None:
    assert (await refusal_of(made, {"volumes": ["./gone.conf:/a:ro"]})).startswith("gone.conf (web): neither ")


async def test_policy_names_the_written_service(made: Bench) -> None:
    made.stack = replace(made.stack, policy=Policy(forbid=frozenset({Forbid.PRIVILEGED})))
    found = await read(made, {"privileged": True})
    assert str(PolicyRefused(refusal(found.forbidden))).count("web uses privileged (privileged: true)") == 1


async def test_service_beside_that_shares_with_it_is_refused(made: Bench) -> None:
    side = {"side": {"image": "side", "network_mode": "service:web"}}
    assert (await refusal_of(made, {}, services=side)).startswith("side: network_mode has service:web, which the ")


async def test_labels_that_would_be_lost_are_refused(made: Bench) -> None:
    labels = {"traefik.http.routers.web.rule": "Host(`a`)", "traefik.http.routers.web.middlewares": "auth"}
    assert "routed/api in the stack file, which replaces that router" in await refusal_of(made, {"labels": labels})


async def test_missing_and_taken_names_are_refused(made: Bench) -> None:
    made.put(made.tree, "docker-compose.yml", json.dumps({"services": {"app": {"image": "x"}}}))
    with pytest.raises(ComposeInvalid, match="it has no service web, but the stack file names it"):
        await made.read()
    with pytest.raises(ComposeInvalid, match="it has the service web-blue, and the updater makes"):
        await read(made, {}, services={"web-blue": {"image": "x"}})
