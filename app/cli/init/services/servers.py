"""Finds the services that listen on a port."""

from app.cli.init.images.build_files import built_image
from app.cli.init.project.compose_file import Project
from app.cli.init.project.listening import environment_ports
from app.cli.init.project.service_facts import listening, pairs
from app.cli.init.services.pairs import name_prefix, short_name


def servers(project: Project) -> set[str]:
    """Services that listen according to `expose`, `ports`, the environment or the Dockerfile."""
    return {name for name in project.services if _listens(project, name)}


def _listens(project: Project, name: str) -> bool:
    service, built = project.services[name], built_image(project, project.services[name])
    if listening(service) or (built and built.image.ports):
        return True
    prefix = name_prefix(project.services, project.name)
    others = [short_name(other, prefix) for other in project.services if other != name]
    return bool(environment_ports(pairs(service.get("environment")), (name, short_name(name, prefix)), others))
