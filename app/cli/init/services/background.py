"""What a service without requests does, by its command and its name. Pure."""

import re
from collections.abc import Collection, Mapping
from enum import StrEnum

from app.cli.init.project.service_facts import Service, entries, image_name, pairs, words
from app.cli.init.services.infrastructure import BROKERS


class Background(StrEnum):
    """SCHEDULER: harmful twice, because it starts each task itself. CONSUMER: a queue gives each task to one copy.

    WORKER: named as one, but nothing says that two copies share the work. JOB: runs once and ends.
    """

    SCHEDULER = "scheduler"
    CONSUMER = "consumer"
    WORKER = "worker"
    JOB = "job"


_SCHEDULER = re.compile(
    r"\b(?:celery\b.*\b(?:beat|worker\b.*(?:\s-B\b|\s--beat\b))|schedule:(?:work|run)|clockwork|crond?|supercronic"
    r"|rqscheduler|rq-scheduler|whenever|apscheduler|resque-scheduler)\b"
)
_CONSUMER = re.compile(
    r"\b(?:celery\b.*\bworker|sidekiq|rq\s+worker|dramatiq|huey_consumer|arq\s|queue:(?:work|listen)|horizon"
    r"|good_job|solid_queue|resque|messenger:consume|delayed_job|bin/jobs)\b"
)
_JOB = re.compile(
    r"\b(?:db:(?:migrate|prepare|setup)|migrate(?::\w+)?|migrations?|alembic\s+upgrade|(?:prisma|knex)\b.*\bmigrate)\b"
)
_SCHEDULER_NAME = re.compile(r"(?:^|[-_.])(?:scheduler|schedule|cron|crontab|beat|ticker|clock)(?:$|[-_.])", re.I)
_WORKER_NAME = re.compile(
    r"(?:^|[-_.])(?:workers?|consumers?|sidekiq|celery|queue|jobs|tasks?|background)(?:$|[-_.])", re.I
)
_JOB_NAME = re.compile(r"(?:^|[-_.])(?:migrate|migrations?|migrator|init|setup|collectstatic)(?:$|[-_.])", re.I)
_WORD = re.compile(r"[a-z][a-z0-9-]*", re.I)
_ENDS = frozenset({"no", "on-failure", ""})


def background(name: str, service: Service, brokers: Collection[str]) -> tuple[Background, str] | None:
    """What `service` does, and what says it; None if nothing does. `brokers`: the names of the project's brokers."""
    line = " ".join([*words(service.get("entrypoint")), *words(service.get("command"))])
    for kind, pattern in ((Background.SCHEDULER, _SCHEDULER), (Background.CONSUMER, _CONSUMER)):
        if found := pattern.search(line):
            return kind, f"its command has {_shown(found[0])}"
    if said := _says(_SCHEDULER_NAME, name, line):
        return Background.SCHEDULER, said
    if str(service.get("restart") or "") in _ENDS and (_JOB_NAME.search(name) or _JOB.search(line)):
        return Background.JOB, "its name" if _JOB_NAME.search(name) else f"its command has {_JOB.findall(line)[0]}"
    said = _says(_WORKER_NAME, name, line)
    if said and (broker := _broker(service, brokers)):
        return Background.CONSUMER, f"{said}, and it uses the broker {broker}"
    return (Background.WORKER, said) if said else None


def _says(pattern: re.Pattern[str], name: str, command: str) -> str:
    """What says it: the service's name, or a plain word of its command; empty if neither does."""
    if pattern.search(name):
        return "its name"
    words_of_it = (word for word in command.split() if _WORD.fullmatch(word) and pattern.fullmatch(word))
    return next((f"its command has {word}" for word in words_of_it), "")


def _shown(command: str) -> str:
    first, *rest = command.split()
    return " ".join([first, *rest[-1:]])


def brokers(services: Mapping[str, Service]) -> set[str]:
    return {name for name, service in services.items() if image_name(service) in BROKERS}


def _broker(service: Service, brokers: Collection[str]) -> str:
    """The broker that `service` uses by depends_on or a variable; empty if it uses none."""
    waits = service.get("depends_on")
    needed = {*(waits if isinstance(waits, Mapping) else entries(waits))}
    values = list(pairs(service.get("environment")).values())
    uses = (
        broker
        for broker in sorted(brokers)
        if broker in needed or any(re.search(rf"(?:^|[/@,]){re.escape(broker)}(?=$|[:/,])", value) for value in values)
    )
    return next(uses, "")
