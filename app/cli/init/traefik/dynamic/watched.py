"""Next steps for the directory that Traefik watches and for the worker's route file there."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from app.cli.init.notes import Notes
from app.cli.init.project.compose_file import Project
from app.cli.init.project.mounts import IN_MEMORY
from app.cli.init.project.service_facts import Service, pairs
from app.cli.init.traefik.additions import DIRECTORY
from app.cli.init.traefik.dynamic.dynamic_files import Dynamic
from app.cli.init.traefik.dynamic.other_content import other_content
from app.cli.init.traefik.dynamic.routes import FoundRoute
from app.cli.init.traefik.static.config_file import is_absent

VARIABLE = "UPDATER_TRAEFIK_DYNAMIC_PATH"


def knows_where(services: Mapping[str, Service], own: tuple[str, str] | None) -> bool:
    """Whether the project already configures the path for the worker of `own`, this updater's web and worker."""
    return own is not None and VARIABLE in pairs(services[own[1]].get("environment"))


def say_where(project: Project, service: str, dynamic: Dynamic, routers: list[FoundRoute], notes: Notes) -> None:
    """Adds the next steps. `routers` are those that lead to a colored service now; `service` is Traefik's."""
    if dynamic.inside is None:
        notes.following.append(f"Mount a directory of this host at {DIRECTORY} of {service}.")
        notes.following.append(f"Set {VARIABLE} of the worker to that directory.")
    elif dynamic.mount and dynamic.mount.what == IN_MEMORY:
        place = f"{dynamic.inside} of {service} is in {IN_MEMORY} of its own, which no other container can write to"
        notes.following.append(f"{place}: mount a directory of this host there, and set {VARIABLE} to it.")
    elif dynamic.place is None or dynamic.watched is None:
        volume = f"in the volume {dynamic.mount.volume}" if dynamic.mount and dynamic.mount.volume else "not mounted"
        notes.following.append(f"{dynamic.inside} of {service} is {volume}: mount its parent into the worker too.")
        notes.following.append(f"Set {VARIABLE} to the path of {dynamic.inside} in the worker's container.")
    else:
        notes.following.append(_setting(project, service, dynamic, dynamic.place, routers))
        notes.following += list(_about(project, service, dynamic, dynamic.watched))
        notes.check += [] if dynamic.single else list(_other_files(project, dynamic, dynamic.watched, routers))


def _setting(project: Project, service: str, dynamic: Dynamic, place: Path, routers: list[FoundRoute]) -> str:
    """The value of the variable; for a single file with other content, what to do first."""
    others = _others(project.shown(place), dynamic, routers) if dynamic.single and not is_absent(place) else []
    if not others and dynamic.single and _is_toml(place):
        return (
            f"{service} watches the single file {place}, which is TOML, and the worker writes YAML: let Traefik watch "
            f"the directory {place.parent} instead (providers.file.directory), and set "
            f"{VARIABLE}={_yaml_for(project, place)} for the worker. {_taken_over(place.name)}"
        )
    if not others:
        return f"Set {VARIABLE}={place} for the worker."
    return (
        f"{service} watches the single file {place}, which also has {', '.join(others)}. The worker would replace all "
        "of it: let Traefik watch a directory instead (providers.file.directory), move the file there, and set "
        f"{VARIABLE} to the directory."
    )


def _is_toml(file: Path) -> bool:
    """Whether Traefik reads `file` as TOML. The worker refuses to start with such a route file."""
    return file.suffix.lower() == ".toml"


def _yaml_for(project: Project, file: Path) -> Path:
    """The worker's route file beside `file`, a TOML file: with the same stem, or the worker's own name if it exists."""
    beside = file.with_suffix(".yml")
    return beside if is_absent(beside) else file.with_name(own_name(project))


def own_name(project: Project) -> str:
    """The name of the worker's file in a directory."""
    return f"updater-{project.model.get('name', '')}.yml"


def _taken_over(file: str) -> str:
    return (
        f"When the worker takes over the running stack, its file replaces the routers of {file}, and it moves {file} "
        "to .updater-staging beside the watched directory."
    )


def _others(file: str, dynamic: Dynamic, routers: list[FoundRoute]) -> list[str]:
    return other_content(file, dynamic.documents, {route.router for route in routers})


def _about(project: Project, service: str, dynamic: Dynamic, watched: Path) -> Iterator[str]:
    """What has to change about the directory for the worker."""
    parent = watched.parent
    yield f"The worker stages its file in {parent}: allow it to write there and in {watched}."
    if dynamic.mount and dynamic.mount.target == dynamic.inside:
        yield _mounted_itself(service, dynamic, watched)
    if not watched.is_dir():
        yield f"Create {watched} before {service} starts: Traefik never notices a directory that is created later."
    elif watched.stat().st_dev != parent.stat().st_dev:
        yield f"Move {watched} and {parent} to one filesystem: a rename between two filesystems is not atomic."
    if parent == project.directory:
        yield f"Move {watched} one level down: {parent} is the live directory, where the worker does not write."


def _mounted_itself(service: str, dynamic: Dynamic, watched: Path) -> str:
    if dynamic.single:
        return f"{service} mounts a single file and misses every rename: mount {watched} and watch it as a directory."
    return (
        f"{service} mounts the watched directory itself, which is enough for Traefik. The worker needs its parent: "
        f"mount {watched.parent} into the worker's container, not {watched}."
    )


def _other_files(project: Project, dynamic: Dynamic, watched: Path, routers: list[FoundRoute]) -> Iterator[str]:
    """Notes on files with routers of the stack that the worker's own file does not replace."""
    own = own_name(project)
    for file in sorted({route.file for route in routers} - {project.shown(watched / own)}):
        what = f"{file} routes the stack now, but the worker writes {own}."
        if others := _others(file, dynamic, routers):
            names = ", ".join(dict.fromkeys(route.router for route in routers if route.file == file))
            form = ", as YAML" if _is_toml(Path(file)) else ""
            yield (
                f"{what} {file} also has {', '.join(others)}: copy only its routers {names} with their services to "
                f"{watched / own}{form}, then remove them from {file}. The worker takes over its own file in one step."
            )
        elif (project.directory / file).parent != watched:
            yield f"{what} {file} is below the watched directory: set {VARIABLE}={watched}. {_taken_over(file)}"
        elif _is_toml(Path(file)):
            path = _yaml_for(project, project.directory / file)
            yield f"{what} {file} is TOML, and the worker writes YAML: set {VARIABLE}={path}. {_taken_over(file)}"
        else:
            yield f"{what} To replace the old file in one step, set {VARIABLE}={project.directory / file}."
