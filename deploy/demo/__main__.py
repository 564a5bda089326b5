"""`bin/demo`: a GitHub release goes live before your eyes, while clients load the routes."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.domain.stack import EngineKind
from deploy.demo.client_access import SECURE_SKILLS
from deploy.demo.clients import Json
from deploy.demo.docker.engine import EngineUnavailable, docker_engine, exit_on_sigterm
from deploy.demo.docker.images import ensure_base, ensure_traefik
from deploy.demo.environment import Environment, environment, logs_of
from deploy.demo.load import Report
from deploy.demo.own_stack.place import Asked, path_where_called
from deploy.demo.own_stack.play import play_own
from deploy.demo.pictures.camera import camera
from deploy.demo.pictures.chromium import chromium_program
from deploy.demo.play import AFTER, BEFORE, RPS, play, problems
from deploy.demo.repository import Variant
from deploy.demo.show import Show, keep_running, shown, summary
from deploy.demo.swarm.play import play_swarm


@dataclass(frozen=True)
class Sample:
    """How the sample stack is played. `pictures`: the directory for pictures of the dashboard; None: none."""

    variant: Variant
    rps: float
    pictures: Path | None = None


def demo(
    *,
    release: Annotated[Variant, typer.Option(help="The defect of the published release.")] = Variant.GOOD,
    engine: Annotated[
        EngineKind,
        typer.Option(
            help="swarm: the sample stack on two nodes in network namespaces, one of which dies (root). "
            "That engine is not complete: the updater refuses it in your stack file."
        ),
    ] = EngineKind.COMPOSE,
    stack: Annotated[Path | None, typer.Option(help="Play your own stack, by its stack file.")] = None,
    repository: Annotated[Path | None, typer.Option(help="Its local Git repository; default: that of --stack.")] = None,
    tag: Annotated[str | None, typer.Option(help="The release to publish; default: the newest tag.")] = None,
    directory: Annotated[
        Path | None, typer.Option(help="What only the host has, such as .env; default: the stack file's `directory`.")
    ] = None,
    without: Annotated[list[str] | None, typer.Option(help="Do not start this service; may be repeated.")] = None,
    own_engine: Annotated[bool, typer.Option("--own-engine", help="Start a private Docker Engine (root).")] = False,
    rps: Annotated[
        float | None, typer.Option(min=1, max=500, help="Requests per second; default: 100, with --stack 20.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as the last line of output.")] = False,
    keep: Annotated[bool, typer.Option(help="Leave everything running until Ctrl-C.")] = False,
    record: Annotated[Path | None, typer.Option(help="Also write the display to this SVG file.")] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Also write pictures of the dashboard to this directory, light and dark.")
    ] = None,
) -> None:
    """Brings a sample stack to v1.0.0, publishes v1.1.0 as GitHub would, and shows the rollout under load.

    With --stack, it plays your own stack in the same way, from a copy: your files and containers stay as they are.
    `bin/demo --python 3.13` uses another interpreter, chosen by version or path.
    """
    exit_on_sigterm()
    own_only = {"--repository": repository, "--tag": tag, "--directory": directory, "--without": without}
    sample_only = {"--release": release is not Variant.GOOD, "--pictures": pictures}
    if problem := contradiction(engine, stack, own_only, sample_only):
        raise typer.BadParameter(problem)
    with shown() as show:
        try:
            if engine is EngineKind.SWARM:
                wrong = bool(play_swarm(rps or RPS, show, as_json=as_json, keep=keep))
            elif stack is None:
                sample = Sample(release, rps or RPS, pictures and path_where_called(pictures))
                wrong = bool(_whole(sample, show, as_json=as_json, keep=keep, own_engine=own_engine))
            else:
                asked = Asked(stack, repository or stack.parent, tag, directory, without or ()).where_called()
                wrong = not play_own(asked, rps, show, as_json=as_json, keep=keep, own_engine=own_engine)
        except EngineUnavailable as missing:
            show.console.print(f"[red]The demo cannot run here.[/] {missing}", highlight=False)
            raise typer.Exit(2) from None
        if record:
            show.write_recording(record, " ".join(["bin/demo", *sys.argv[1:]]).partition(" --record")[0])
    raise typer.Exit(1 if wrong else 0)


def contradiction(
    engine: EngineKind, stack: Path | None, own_only: Mapping[str, object], sample_only: Mapping[str, object]
) -> str | None:
    """What is wrong between the options. `own_only`, `sample_only`: the values of those that need or refuse --stack."""
    own, sample = (", ".join(name for name, value in each.items() if value) for each in (own_only, sample_only))
    if engine is EngineKind.SWARM and (stack or sample):
        return f"{'--stack' if stack else sample} cannot be played with --engine swarm"
    if stack is None and own:
        return f"{own} needs --stack"
    if stack is not None and sample:
        return f"{sample} is of the sample stack, not of --stack"
    return None


def _whole(sample: Sample, show: Show, *, as_json: bool, keep: bool, own_engine: bool) -> list[str]:
    if sample.pictures:
        chromium_program(show.say, install=True)  # missing: known before anything starts
    with docker_engine(show.say, own=own_engine) as engine, tempfile.TemporaryDirectory(prefix="zu-demo-") as directory:
        base, traefik = ensure_base(engine.host, show.say), ensure_traefik(engine.host, show.say)
        place = Path(directory) / "environment"
        with environment(place, engine, base=base, traefik=traefik, say=show.say, access=SECURE_SKILLS) as home:
            try:
                outcome, report = asyncio.run(_played(home, sample, show))
            except Exception:
                show.console.print(logs_of(home), highlight=False, markup=False)
                raise
            status = asyncio.run(home.get("/status"))
            show.spinner.stop()
            wrong = problems(outcome, sample.variant)
            summary(
                show, f"{BEFORE} was live (blue), {AFTER} ({sample.variant}) was published", status, outcome, report
            )
            for text in (*wrong, *report.failures):
                show.console.print(f"[red]{text}[/]", highlight=False)
            if keep:
                keep_running(home, show)
    if as_json:
        print(json.dumps(outcome))
    return wrong


async def _played(home: Environment, sample: Sample, show: Show) -> tuple[Json, Report]:
    if sample.pictures is None:
        return await play(home, sample.variant, sample.rps, show)
    async with camera(home.internal_url, home.secret, sample.pictures, show.say) as taking:
        return await play(home, sample.variant, sample.rps, show, taking)


if __name__ == "__main__":
    typer.run(demo)
