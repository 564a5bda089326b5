"""When containers of a project start, as the engine says."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from deploy.demo.engine import connected
from deploy.demo.projects import LABEL

LOOK_SECONDS = 0.01
END_SECONDS = 10.0


@dataclass(frozen=True)
class Start:
    """`at`: seconds since the epoch."""

    container: str
    at: float


@dataclass
class Starts:
    """The last start of each service that was seen."""

    seen: dict[str, Start] = field(default_factory=dict)

    def forget(self) -> None:
        self.seen.clear()

    async def of(self, service: str) -> Start:
        """The service's next start, or the one since `forget`."""
        while service not in self.seen:
            await asyncio.sleep(LOOK_SECONDS)
        return self.seen[service]


@contextlib.contextmanager
def watched_starts(host: str, project: str) -> Iterator[Starts]:
    """From the engine's own events, as they come."""
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
    """Where it can be reached from this machine."""
    with connected(host) as client:
        networks = client.containers.get(container).attrs["NetworkSettings"]["Networks"]
    return str(next(iter(networks.values()))["IPAddress"])
