"""Commands of a release that run once in a swarm: one task, which is not started again."""

import asyncio
import shlex
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.domain.errors import BeforeFlipFailed
from workers.adapters.swarm.services import TAIL_LINES, Spec, SwarmServices
from workers.adapters.swarm.slots import ENDED
from workers.adapters.swarm.view import LOOK_SECONDS
from workers.adapters.threads import in_file_thread
from workers.definition.labels import ONCE_LABEL, STACK_LABEL
from workers.definition.swarm.spec import rollout_name, started
from workers.ports import Definition

Attributes = Mapping[str, Any]
Log = Callable[[str], None]


class SwarmJobs(SwarmServices):
    """The part of the port `Containers` that runs a command to its end."""

    async def run_once(
        self, definition: Definition, service: str, command: Sequence[str], *, name: str, limit: float, log: Log
    ) -> None:
        await self._docker.ready()
        model = await in_file_thread(self._kept, definition.sha)
        named = rollout_name(self._stack.project, service, name)
        id_ = await self._manager.create(once_spec(await self._spec(model, service, named), name, command))
        lines: deque[str] = deque(maxlen=TAIL_LINES)

        def keep(line: str) -> None:
            lines.extend([line] if line.strip() else [])
            log(line)

        words = shlex.join(command) or "the service's own command"
        try:
            async with asyncio.timeout(limit):
                ended = await self._ended(id_, keep)
        except TimeoutError:
            failure: str | None = f"{words} ran longer than {limit:g} s and was stopped"
        else:
            failure = failure_of(ended, words)
        if failure:
            raise BeforeFlipFailed(failure, service=service, last_lines=lines)
        await self.sweep()

    async def _ended(self, id_: str, log: Log) -> Attributes:
        """The task when it has ended. Its output goes to `log` meanwhile."""
        read = 0
        while True:
            task = next(iter(await self._manager.tasks([id_])), None)
            said = await self._manager.output(task["ID"]) if task is not None and _has_container(task) else []
            for line in said[read:]:
                log(line)
            read = max(read, len(said))
            if task is not None and task["Status"]["State"] in ENDED:
                return task
            await asyncio.sleep(LOOK_SECONDS)

    async def sweep(self) -> list[str]:
        found = await self._manager.services(f"{STACK_LABEL}={self._stack.project}", ONCE_LABEL)
        for service in found:
            await self._manager.remove(service["ID"])
        return [str(service["Spec"]["Name"]) for service in found]


def _has_container(task: Attributes) -> bool:
    return bool((task["Status"].get("ContainerStatus") or {}).get("ContainerID"))


def once_spec(spec: Spec, name: str, command: Sequence[str]) -> Spec:
    """The spec of one task that is not started again, and that no other service reaches by a name."""
    running = started({**spec, "Labels": {**spec["Labels"], ONCE_LABEL: name}})
    task = running["TaskTemplate"]
    container = {key: value for key, value in task["ContainerSpec"].items() if key not in {"Hostname", "Healthcheck"}}
    if command:
        container["Args"] = [*command]
    networks = [{key: value for key, value in each.items() if key != "Aliases"} for each in task["Networks"]]
    task |= {"ContainerSpec": container, "RestartPolicy": {"Condition": "none"}, "Networks": networks}
    return {**running, "Mode": {"Replicated": {"Replicas": 1}}, "EndpointSpec": {"Mode": "dnsrr"}}


def failure_of(task: Attributes, words: str) -> str | None:
    """Why the command failed; None if it did not."""
    status = task["Status"]
    code = (status.get("ContainerStatus") or {}).get("ExitCode")
    if status["State"] == "complete":
        return None
    if status["State"] == "failed" and code:
        return f"{words} ended with exit code {code}"
    return f"{words} did not run to its end: {status.get('Err') or status['State']}"
