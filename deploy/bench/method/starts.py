"""Records when containers of a project start, from the engine's events."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from deploy.demo.docker.engine import connected
from deploy.demo.docker.projects import LABEL

LOOK_SECONDS = 0.01
END_SECONDS = 10.0


@dataclass(frozen=True)
class Start:
    """A container's start. `at`: seconds since the epoch."""

    container: str
    at: float


@dataclass
class Starts:
    """The last observed start of each service."""

    seen: dict[str, Start] = field(default_factory=dict)

    def forget(self) -> None:
        self.seen.clear()

    async def of(self, service: str) -> Start:
        """Returns the service's start since `forget`; waits for it if there is none yet."""
        while service not in self.seen:
            await asyncio.sleep(LOOK_SECONDS)
        return self.seen[service]


@contextlib.contextmanager
def watched_starts(host: str, project: str) -> Iterator[Starts]:
    """Watches the engine's events."""
    starts = Starts()
    with connected(host) as client:
        wanted = {"label": f"{LABEL}={project}", "type": "container", "event": "start"}
        stream = client.events(decode=True, filters=wanted)

        def read() -> None:
            for event in stream:
                service = event["Actor"]["Attributes"]["com.docker.compose.service"]
                starts.seen[service] = Start(event["Actor"]["ID"], event["timeNano"] / 1e9)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            yield starts
        finally:
            stream.close()
            reader.join(END_SECONDS)


def address_of(host: str, container: str) -> str:
    """Returns the container's IP address."""
    with connected(host) as client:
        networks = client.containers.get(container).attrs["NetworkSettings"]["Networks"]
    return str(next(iter(networks.values()))["IPAddress"])
