"""The commands with which an operator looks at, stops and starts what an engine runs, as messages name them."""

from typing import Protocol

from app.domain.stack import EngineKind, Stack


class EngineCommands(Protocol):
    """Each is a part of a sentence. `service` is a service of the Compose file."""

    @property
    def look(self) -> str:
        """What shows whether the engine is well: after "Check the engine with"."""

    @property
    def start_again(self) -> str:
        """What to do with one service that an operator stopped: after "If it was not stopped on purpose,"."""

    @property
    def projects(self) -> str:
        """What shows the names of all stacks: after "correct `project` in the stack file (", without the bracket."""

    @property
    def connect(self) -> str:
        """How a copy that lost its network gets it again: a sentence without its end."""

    def stop(self, service: str) -> str:
        """Stops all copies of a color's service."""

    def scale(self, service: str, copies: int) -> str:
        """Creates the missing ones of `copies` copies of a color's service."""

    def remove(self, name: str) -> str:
        """Stops and removes what the engine lists under `name`, which is quoted for a shell."""

    def replace(self, service: str, name: str, *, named: bool) -> str:
        """Ends the container `name`, and starts `service` in the stack. `named`: the service has that name too."""


class ComposeCommands:
    """Those of one host."""

    look = "`docker ps`"
    start_again = "start its container"
    projects = "`docker compose ls` shows the names"
    connect = (
        "To connect a copy again, run `docker network connect NETWORK CONTAINER`, with the network of the others or of "
        "Traefik"
    )

    def __init__(self, project: str, directory: str) -> None:
        self._project, self._directory = project, directory

    def stop(self, service: str) -> str:
        return f"`docker compose stop {service}`"

    def scale(self, service: str, copies: int) -> str:  # noqa: ARG002 - the file says how many
        return f"`docker compose up --detach --no-deps {service}` in {self._directory}"

    def remove(self, name: str) -> str:
        return f"docker stop {name} && docker rm {name}"

    def replace(self, service: str, name: str, *, named: bool) -> str:
        free = f" && docker rename {name} {name}-before" if named else ""
        start = f"docker compose -p {self._project} up -d --no-deps {service}"
        return f"in {self._directory}: `{_ended(name)}{free} && {start}`"


class SwarmCommands:
    """Those of a swarm, for a manager. https://docs.docker.com/reference/cli/docker/service/scale/"""

    look = "`docker node ls` and `docker service ls`, on a manager"
    start_again = "scale its service up again (`docker service ls` shows its name)"
    projects = "`docker stack ls` shows the names"
    connect = (
        "To connect its copies again, run `docker service update --network-add NETWORK SERVICE`, with a network of "
        "Traefik. That replaces each copy"
    )

    def __init__(self, project: str) -> None:
        self._project = project

    def stop(self, service: str) -> str:
        return self.scale(service, 0)

    def scale(self, service: str, copies: int) -> str:
        return f"`docker service scale {self._project}_{service}={copies}`"

    def remove(self, name: str) -> str:
        return f"docker service rm {name}"

    def replace(self, service: str, name: str, *, named: bool) -> str:  # noqa: ARG002 - names in a swarm are others
        return f"on its host: `{_ended(name)}`; the first release starts {service} in the swarm"


def _ended(name: str) -> str:
    return f"docker update --restart no {name} && docker stop {name}"


def commands_of(stack: Stack) -> EngineCommands:
    """The commands of the stack's engine."""
    if stack.engine is EngineKind.SWARM:
        return SwarmCommands(stack.project)
    return ComposeCommands(stack.project, stack.directory)
