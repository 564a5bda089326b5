"""Starts everything that the user's stack needs on this machine, and ends it. The user's own files are only read."""

import contextlib
import json
import os
import shutil
import socket
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from app.domain.stack import Stack
from deploy.demo.clients import Json
from deploy.demo.docker.engine import Engine, Say, connected
from deploy.demo.docker.images import ensure_traefik
from deploy.demo.docker.projects import take_down
from deploy.demo.github.control import GitHubServer, github_server
from deploy.demo.own_stack import ingress
from deploy.demo.own_stack.beside import Beside, beside, compose_model, running
from deploy.demo.own_stack.compose_up import compose_up, ready
from deploy.demo.own_stack.dangers import Surroundings, dangers, outside_networks, outside_volumes
from deploy.demo.own_stack.git import Git
from deploy.demo.own_stack.host_files import Copied
from deploy.demo.own_stack.place import DEFAULT_ENV_FILE, Asked, Given, make_live, model_of, played, read
from deploy.demo.own_stack.refusal import NotPlayable
from deploy.demo.own_stack.replacements import Here, Replaced, replaced
from deploy.demo.processes import free_port
from deploy.demo.redis_server import redis_server
from deploy.demo.updated_stack import UpdatedStack, updater_variables
from workers.definition.refusals.places import SOCKETS

OWN_PORTS = ("public", "internal", "github", "metrics")
NAMES_SHOWN = 8
HOST, TRIAL = "host/srv/live", "trial/srv/live"
"""The live directory, and the same for the second release. Neither has the demo's own files beside or above it."""

_UPDATER_S = ("UPDATER_", "GITHUB_", "AUTO_UPDATE_")
_KEPT = {"UPDATER_COMPOSE", "UPDATER_PYTHON"}


@dataclass(kw_only=True)
class OwnStack(UpdatedStack):
    """The user's stack, which the updater manages. `stack`: as it is played."""

    given: Given
    stack: Stack

    @property
    def live(self) -> Path:
        return self.directory / HOST


@dataclass(frozen=True)
class _Parts:
    """What was made of the user's stack before anything starts."""

    home: OwnStack
    changed: Replaced
    model: Json
    others: Beside
    copied: Copied


@contextlib.contextmanager
def own_stack(asked: Asked, engine: Engine, place: Path, say: Say) -> Iterator[OwnStack]:
    """Starts the services that no rollout moves, Traefik and the updater. No release is live yet.

    `place`: an empty directory. Raises NotPlayable before anything is started, and if one of those services fails.
    """
    say(f"reading {asked.stack} and a copy of {asked.repository}")
    given = read(asked, place)
    ports = {name: free_port() for name in (*OWN_PORTS, *map(_point, given.stack.traefik.entrypoints))}
    parts = _made(given, engine, place, ports)
    home = parts.home
    _refuse(parts, engine)
    _say_all(parts, say)
    traefik = ensure_traefik(engine.host, say)
    with contextlib.ExitStack() as ending:
        ending.enter_context(github_server(home.log_dir / "github.log", home.repository_name, ports["github"]))
        ending.callback(take_down, engine.host, home.project)
        _start_beside(parts, engine, traefik, ports, say)
        say("starting Redis, the updater's web process and its worker")
        redis_url = ending.enter_context(redis_server(place / "redis", say))
        home.env = {**unset(os.environ), **updater_variables(home, redis_url, ports)}
        ending.callback(home.end_all)
        home.start_all()
        yield home


def unset(environ: Mapping[str, str]) -> dict[str, str]:
    """Blanks the variables of a real updater, which counts as unset: no message may reach its targets."""
    return {name: "" for name in environ if name.startswith(_UPDATER_S) and name not in _KEPT}


def _point(name: str) -> str:
    return f"entrypoint {name}"


def _made(given: Given, engine: Engine, place: Path, ports: Mapping[str, int]) -> _Parts:
    own = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    points = {
        name: f"{'https' if point.secure else 'http'}://127.0.0.1:{ports[_point(name)]}"
        for name, point in given.stack.traefik.entrypoints.items()
    }
    project = f"zu-demo-{os.getpid()}-{os.urandom(2).hex()}"
    here = Here(project, str(given.clone), str(place / HOST), points, f"{own['metrics']}/metrics")
    changed = replaced(given.content, given.stack, here)
    home = OwnStack(
        directory=place,
        project=project,
        engine=engine,
        public_url=own["public"],
        internal_url=own["internal"],
        log_dir=place / "logs",
        github=GitHubServer(own["github"]),
        repository_name=given.stack.repository,
        given=given,
        stack=played(changed.content),
    )
    home.make_directories()
    for tag in (given.tags.before, given.tags.after):
        home.shas[tag] = Git(place).commit_of(given.clone, tag)
    copied = make_live(given, given.tags.before, home.live)
    model = model_of(given, home.stack, given.tags.before, home.live)
    others = beside(model, home.stack, given.stack, given.content, given.asked.without)
    (place / "stack.yml").write_text(yaml.safe_dump(changed.content, sort_keys=False))
    return _Parts(home, changed, model, others, copied)


def _refuse(parts: _Parts, engine: Engine) -> None:
    """Raises NotPlayable if one of the two releases would touch what is not the demo's."""
    home, given = parts.home, parts.home.given
    unknown = [name for name in given.asked.without if name not in parts.others.left_out]
    if unknown:
        raise NotPlayable(
            f"--without {', '.join(unknown)}: only a service of {given.tags.before} that no rollout moves can be left "
            f"out: {', '.join((*parts.others.started, *parts.others.left_out)) or 'there is none'}."
        )
    around = _surroundings(home.directory, engine)
    found = dangers(parts.model, home.stack, running(parts.model, home.stack, parts.others.started), around)
    trial = home.directory / TRIAL
    make_live(given, given.tags.after, trial)
    later = model_of(given, home.stack, given.tags.after, trial)
    found += dangers(later, home.stack, running(later, home.stack), around)
    shutil.rmtree(trial.parents[1])
    if found:
        own = "" if engine.owned else " Or run it on an engine of the demo's own, as root, with --own-engine."
        raise NotPlayable(
            "Nothing was started, because the stack would touch what is not the demo's:\n  - "
            + "\n  - ".join(dict.fromkeys(found))
            + "\nLeave out a service that no rollout moves with --without NAME, or change that in a commit of its own, "
            f"tag it, and name the tag with --tag.{own}"
        )


def _surroundings(place: Path, engine: Engine) -> Surroundings:
    with connected(engine.host) as client:
        names = {name.lstrip("/") for each in client.api.containers(all=True) for name in each["Names"] or ()}
    own = [engine.host.removeprefix("unix://")] if engine.host.startswith("unix://") else []
    return Surroundings(place, engine.owned, names, _is_free, (*SOCKETS, *own))


def _is_free(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _say_all(parts: _Parts, say: Say) -> None:
    given, copied = parts.home.given, parts.copied
    say(f"your stack file is played as written, except for what this machine needs ({len(parts.changed.notes)} lines):")
    for note in parts.changed.notes:
        say(f"  {note}")
    if given.tags.made:
        say(f"  the repository has one release: {given.tags.before} goes live again as {given.tags.after}")
    if copied.copied:
        say(f"  copied from {given.host}, because no release has it: {_listed(copied.copied)}")
        say("  the values in it are your own: what they lead to outside this stack is used for real")
    for name, why in copied.left_out.items():
        empty = "; it is empty here" if _is_directory(given, name) else ""
        say(f"  NOT copied from {given.host}: {name} ({why}){empty}")
    for name, why in parts.others.left_out.items():
        say(f"  {name} is not started: {why}")
    if parts.others.started:
        say(f"  started without published ports and container names: {_listed(parts.others.started)}")
    times = given.stack.times
    say(f"  bake {times.bake:g} s, drain {times.drain:g} s, as in your stack file")


def _is_directory(given: Given, name: str) -> bool:
    return given.host is not None and (given.host / name).is_dir()


def _listed(names: Collection[str]) -> str:
    shown = list(names)[:NAMES_SHOWN]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _start_beside(parts: _Parts, engine: Engine, image: str, ports: Mapping[str, int], say: Say) -> None:
    home, model = parts.home, parts.model
    say(f"starting Traefik{''.join(f', {name}' for name in parts.others.started)}")
    if stand_ins := ingress.stand_ins(home.stack):
        (home.dynamic / ingress.STAND_INS).write_text(yaml.safe_dump(stand_ins))
    points = {name: ports[_point(name)] for name in home.stack.traefik.entrypoints}
    traefik = ingress.service(home.stack, image, str(home.directory / "routes"), points, ports["metrics"])
    if engine.owned:
        _make_outside(engine, model, running(model, home.stack, parts.others.started))
    file = home.directory / "beside.json"
    file.write_text(json.dumps(compose_model(model, home.stack, parts.others, traefik)))
    names = home.stack.env_files or ((DEFAULT_ENV_FILE,) if (home.live / DEFAULT_ENV_FILE).is_file() else ())
    compose_up(file, home.project, engine.host, [home.live / name for name in names], home.stack.times.build)
    ready(engine.host, home.project, home.stack.times.start + home.stack.times.health)


def _make_outside(engine: Engine, model: Json, services: Collection[str]) -> None:
    """Makes the external networks and volumes, which an engine of the demo's own does not have."""
    with connected(engine.host) as client:
        for name in outside_networks(model, services):
            if not client.networks.list(names=[name]):
                client.networks.create(name)
        for name in outside_volumes(model, services):
            client.volumes.create(name)
