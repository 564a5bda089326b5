"""Ports: the interfaces to everything outside the worker, one module each."""

from collections.abc import Callable
from dataclasses import dataclass

from workers.ports.clock import Clock, TimeLimit
from workers.ports.engine.cluster import Cluster, Machine
from workers.ports.engine.comparison import Comparison, Difference, FileUse, Origin
from workers.ports.engine.definition import Definition, LiveFiles, Stamp
from workers.ports.engine.engine import Engine
from workers.ports.engine.instance import CheckResult, Instance, Outsider
from workers.ports.engine.survey import Seen, Survey
from workers.ports.inbox import Inbox
from workers.ports.journal import Journal
from workers.ports.machine import Room
from workers.ports.notifier import Notifier
from workers.ports.probe import Answer, Probe
from workers.ports.publisher import Publisher
from workers.ports.route import Route
from workers.ports.source import Source
from workers.ports.storage import Storage
from workers.ports.tracing import Tracing
from workers.ports.traffic import TrafficCounts

__all__ = [
    "Answer",
    "CheckResult",
    "Clock",
    "Cluster",
    "Comparison",
    "Definition",
    "Difference",
    "Engine",
    "FileUse",
    "Inbox",
    "Instance",
    "Journal",
    "LiveFiles",
    "Machine",
    "Notifier",
    "Origin",
    "Outsider",
    "Ports",
    "Probe",
    "Publisher",
    "Room",
    "Route",
    "Seen",
    "Source",
    "Stamp",
    "Storage",
    "Survey",
    "TimeLimit",
    "Tracing",
    "TrafficCounts",
]


@dataclass(frozen=True)
class Ports:
    engine: Engine
    source: Source
    route: Route
    probe: Probe
    traffic: TrafficCounts | None
    journal: Journal
    inbox: Inbox
    publisher: Publisher
    clock: Clock
    room: Callable[[], Room]
    storage: Storage
    notifier: Notifier | None = None
    tracing: Tracing | None = None
