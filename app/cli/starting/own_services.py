"""Which services are the updater itself: by what they run, as deploy/docker-compose.yml has it. Pure."""

from collections.abc import Mapping

from app.cli.starting.service_facts import Service, words

WEB, WORKER = "app.main", "workers.main"


def own_services(services: Mapping[str, Service]) -> tuple[str, str] | None:
    """Web and worker; None where not both are there."""
    web, worker = (_that_runs(module, services) for module in (WEB, WORKER))
    return (web, worker) if web and worker else None


def _that_runs(module: str, services: Mapping[str, Service]) -> str | None:
    return next((name for name, service in services.items() if module in words(service.get("command"))), None)
