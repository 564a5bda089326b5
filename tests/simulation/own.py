"""The updater's own services in a play: which release defines which version of them."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from app.domain.stack import Updater
from app.domain.state import State
from tests.examples import sha_of
from tests.fakes.engine.socket import Socket
from tests.fakes.updater.own_processes import OwnProcesses
from tests.fakes.updater.own_services import Machine
from tests.fakes.world import World
from tests.simulation.schedule import FIRST, NewUpdater
from workers.self_update.model import Services

UPDATER = "updater"
"""The name of the updater in a schedule's behaviours."""

SERVICES = Updater("web", "worker", ready=20)


def own_of(world: World, socket: Socket, tags: Iterable[str], updaters: Mapping[str, NewUpdater]) -> OwnProcesses:
    """FIRST's updater runs. Each release of `updaters` has another one, and the releases after it keep that."""
    models: dict[str, Services] = {}
    machine = Machine(SERVICES, models)
    services: Services = _services(FIRST)
    for tag in tags:
        if tag in updaters:
            services = _services(tag)
            _note_faults(machine, updaters[tag], services)
        models[sha_of(tag)] = services
    machine.place(Path("/trees", sha_of(FIRST), "updater.json"))
    first = machine.runs[SERVICES.web][1]

    def published(model: Path) -> Path:
        return (world.engine.published_updater or first) if model == world.engine.published_path else model

    return OwnProcesses(machine, world.disk, socket, published)


def _services(tag: str) -> Services:
    return {name: {"image": f"{name}:{tag}"} for name in SERVICES.services}


def _note_faults(machine: Machine, updater: NewUpdater, services: Services) -> None:
    images = {str(service["image"]) for service in services.values()}
    if updater.absent:
        machine.absent |= images
    if updater.unwell:
        image = str(services[updater.unwell]["image"])
        machine.unwell.add(image)
        if updater.ends and updater.unwell == SERVICES.worker:
            machine.restless.add(image)


def due_updater(own: OwnProcesses, state: State) -> str:
    """What the updater still has to do; empty if nothing. What needs an operator does not count."""
    machine, attempt = own.machine, own.machine.attempt
    if attempt is not None and not attempt.ended:
        return f"the succession for {attempt.tag} goes on"
    if own.successor.alive:
        return f"the successor for {own.successor.rollout} still runs"
    live = state.current
    if live is None or state.paused or (attempt is not None and attempt.rollout == live.rollout_id):
        return ""
    wanted = machine.models[live.sha]
    absent = any(str(service["image"]) in machine.absent for service in wanted.values())
    runs = [machine.image(service) for service in SERVICES.services if service in machine.runs]
    if absent or runs == [service["image"] for service in wanted.values()]:
        return ""
    return f"the updater of {live.tag} does not run: {' '.join(runs)} does"
