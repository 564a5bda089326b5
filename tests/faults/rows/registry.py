"""The registry from which a service's images come."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import yaml

from deploy.demo.docker.engine import connected
from deploy.demo.docker.images import ensure_base
from deploy.demo.docker.registry import Registry, registry
from tests.faults.releases.bad import never_healthy
from tests.faults.scenario import NEVER_FLIPPED, Scenario, row

NAME = "team/skills:stable"
FILES = ("common/http_service.py", "common/healthcheck.py", "skills/app.py", "skills/VERSION")


@row(
    30,
    "a registry's tag is overwritten by a bad image between rollout and rollback",
    "the rollback runs the old digest; H",
    minutes=0.8,
)
async def tag_overwritten(scenario: Scenario) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="zu-faults-") as directory,
        registry(Path(directory) / "registry", print) as hub,
    ):
        await _overwritten(scenario, partial(_pushed, scenario, hub))


async def _overwritten(scenario: Scenario, pushed: Callable[..., None]) -> None:
    old = await scenario.publish(edit=pushed)
    await scenario.went_live(old, "its image was pulled")
    new = await scenario.publish(edit=pushed)
    await scenario.went_live(new, "the next image was pulled, under the same name")
    pushed(scenario.stage.home.repository.path, bad=True)
    answer = await scenario.stage.home.post("/update/rollback")
    scenario.result.expect(answer.is_success, f"rollback: {answer.status_code} {answer.text[:200]}")
    await scenario.went_back(old, "rolled back after the tag was overwritten")
    await scenario.publish(edit=partial(pushed, bad=True))
    await scenario.went_back(old, "the bad image was released", **NEVER_FLIPPED)
    await scenario.went_live(await scenario.publish(), "a release that builds its image again")


def _pushed(scenario: Scenario, hub: Registry, tree: Path, *, bad: bool = False) -> None:
    """Publishes the image of the release in `tree`, from which its skills then run. A bad one is never healthy."""
    if bad:
        never_healthy(tree)
    host = scenario.stage.home.engine.host
    with connected(host) as client:
        lines = [f"FROM {ensure_base(host, print)}", "WORKDIR /srv", "COPY * ./", 'CMD ["python3", "app.py"]']
        hub.push(client, NAME, "\n".join(lines), {Path(file).name: tree / file for file in FILES})
    compose = tree / "docker-compose.yml"
    model = yaml.safe_load(compose.read_text())
    for name in ("skills-blue", "skills-green"):
        model["services"][name].pop("build", None)
        model["services"][name]["image"] = f"{hub.host}/{NAME}"
    compose.write_text(yaml.safe_dump(model))
