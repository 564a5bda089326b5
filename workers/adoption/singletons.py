"""The singletons of a stack that is adopted: none may run twice, and a rollback must be able to start each."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from app.domain.engine_commands import commands_of
from app.domain.stack import EngineKind, Singleton, Stack
from workers.adoption.reach import Found
from workers.ports import Instance, Outsider, Ports

GONE = {"dead", "removing", "removed"}
"""The states from which a container cannot be started."""

BEFORE = datetime.min.replace(tzinfo=UTC)


def doubled(stack: Stack, found: Found) -> Iterator[str]:
    """Reports singletons of which several containers run."""
    for singleton in stack.singletons:
        running = [i for i in found.get(singleton.service, ()) if not i.gone]
        if len(running) > 1:
            yield f"{len(running)} containers of {singleton.service} run at once: stop all but one"


def stopped(stack: Stack, found: Found) -> Iterator[Instance]:
    """The newest container of each singleton that does not run now: it belongs to the release too.

    One that the engine restarts again and again is such a container.
    """
    for singleton in stack.singletons:
        containers = [i for i in found.get(singleton.service, ()) if i.state not in GONE]
        if not any(i.running for i in containers):
            up_first = sorted(containers, key=lambda i: (not i.gone, i.created or BEFORE), reverse=True)
            yield from up_first[:1]


def warnings_of(stack: Stack, found: Found) -> Iterator[str]:
    """What an operator should know about the singletons that do not run."""
    held = {i.service: i for i in stopped(stack, found)}
    for singleton in stack.singletons:
        service = singleton.service
        if service in held:
            yield (
                f"{service} does not run (its container is {held[service].state}), and is kept as it is. The first "
                f"release starts a new {singleton.name}, and a rollback to the adopted release starts this container"
            )
        elif not any(i.running for i in found.get(service, ())):
            yield (
                f"{service} has no container: the first release starts it, and no rollback to the adopted release is "
                f"possible. To make one possible, create the container before the adoption"
            )


@dataclass(frozen=True)
class Outside:
    """What runs outside the project: sentences. `warnings`: of containers that may be something else."""

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


async def run_outside(stack: Stack, ports: Ports, found: Found) -> Outside:
    """Reports singletons that run outside the project, where no release would stop them. Raises EngineFailed.

    A container that only has the same file counts if the project's own does not run. Otherwise it is another bot, such
    as that of a second stack in the same directory. The same image alone says little: many services may use it.
    """
    problems: list[str] = []
    warnings: list[str] = []
    for singleton in stack.singletons:
        runs = any(not i.gone for i in found.get(singleton.service, ()))
        for each in await ports.engine.outside(singleton.service):
            if each.named or (each.project is not None and not runs):
                problems.append(_outside(stack, singleton, each))
            elif not runs:
                warnings.append(
                    f"the container {each.name} runs the image of {singleton.service}, in no Compose project. If it "
                    f"is a second {singleton.name}, stop it before the first release"
                )
    return Outside(tuple(problems), tuple(warnings))


def _outside(stack: Stack, singleton: Singleton, outsider: Outsider) -> str:
    """What to do. Otherwise both containers would work at once, for example answer each message twice."""
    service, project = singleton.service, outsider.project
    where = f"in the Compose project {project}" if project else "in no Compose project"
    swarm = stack.engine is EngineKind.SWARM
    as_service = "" if swarm or project != stack.project else f", but not as its service {service}"
    shares = f"has the container name of {service}" if outsider.named else f"runs {service} of the same Compose file"
    name = outsider.name
    how = commands_of(stack).replace(service, name, named=outsider.named)
    return (
        f"the container {name} {shares} and runs {where}{as_service}, so a release would start a second "
        f"{singleton.name} beside it. Run {service} in the project {stack.project} instead ({how}), or "
        "correct `project` in the stack file"
    )
