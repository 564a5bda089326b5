"""Notes on what the operator has to add to Traefik."""

from collections.abc import Sequence

from app.cli.init.notes import Notes
from app.cli.init.traefik.additions import Additions, Option, rendered
from app.cli.init.traefik.entrypoints import EntryPoint
from app.cli.init.traefik.static.static_config import Form, StaticConfig


def advise(service: str, config: StaticConfig, missing: Additions, notes: Notes) -> None:
    """Adds notes about missing options and a static file that is not read; `service` is Traefik's."""
    if missing.options:
        notes.traefik.append(f"Add to {place(service, config)}, and recreate {service}:")
        notes.traefik += [f"  {line}" for line in lines(config, missing.options)]
    if config.ignored:
        notes.check.append(f"{service} has flags and the static file {config.file}: Traefik reads only the file.")
    if config.unread:
        notes.check.append(f"{service} reads {config.inside}, which {config.why}: its options are unknown.")


def ask_about_middlewares(point: EntryPoint, names: Sequence[str], notes: Notes) -> None:
    """Adds a question about the middlewares of `point`; `names` are the routed services that have routes there."""
    if point.middlewares and names:
        where = " and ".join(f"routed/{name}" for name in names)
        notes.ask(
            f"traefik/entrypoints/{point.name}",
            f"this entrypoint of Traefik has {', '.join(point.middlewares)}, which run before those of a route: what "
            "they answer has no rollout header, so no flip can be confirmed. Move them from the entrypoint to its "
            f"routes: `middlewares` of {where}, and of each other router there",
        )


def lines(config: StaticConfig, options: tuple[Option, ...]) -> list[str]:
    """`options` in the form of Traefik's configuration."""
    toml = config.file is not None and config.file.suffix.lower() == ".toml"
    return rendered(options, config.form, toml=toml)


def place(service: str, config: StaticConfig) -> str:
    """Where the options belong, for people."""
    if config.form is Form.FILE:
        return f"Traefik's static file {config.file}"
    return f"the {'command' if config.form is Form.FLAGS else 'environment'} of {service}"
