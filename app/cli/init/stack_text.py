"""A proposal as the text of a stack file, commented as `config/stack.yml` is. Pure."""

import sys
from collections.abc import Iterator
from typing import Any

import yaml

from app.cli.init.proposal import Proposal
from app.cli.init.routed import RoutedFound
from app.cli.init.routing import CATCH_ALL
from app.domain.stack import Checks, GitHub, Keep, Needs, Times, Updater

_READY = "# seconds from the start of each until it is well: by its own health check, else after five seconds"

_HEAD = """\
# The stack that the updater keeps at the latest wanted release: what Compose cannot say.
# Written by `updater init` from {source}. Answer each QUESTION first, then delete its mark.
#
# How a service runs (image, environment, volumes, limits, health check) is written once, in the release's own Compose
# file. This file says which of its services are moved, how their health is seen, and how long things take.
# It is read as a whole at the start: every unknown key and wrong value is reported, each with its path.

# The Compose project's name: `docker compose -p`. Images are named <project>-<service>:<commit>.
project: {project}

# Whose releases are wanted: owner/name on GitHub. AUTO_UPDATE_REPO goes before it.
repository: {repository}

# Where its Git is fetched from. Default: https://github.com/<repository>.git
# source: https://github.com/owner/name.git

# The operator's live directory: its `.env` and its bind mounts are the release's. Nothing is ever written there by the
# worker. The path has to be the same for the worker and for the Docker Engine.
directory: {directory}

# The Compose file inside the release.
compose_file: {compose_file}

# stable: releases only. prerelease: GitHub's prereleases too.
channel: stable

# Which tags are releases of this stack: a pattern as a shell has it. They are semantic versions in any case.
tags: v*

# before_flip: a newer release takes the place of one that is being rolled out, as long as its route has not moved.
# never: a rollout that has begun is ended first.
supersede: before_flip
"""

_TRAEFIK = """
traefik:
  # Where the worker reaches each of Traefik's entrypoints, to prove a route from outside.
  entrypoints:
"""

_METRICS = """\
  # Traefik's Prometheus metrics: in the bake the new color is judged by what clients are really answered, beside what
  # the old one answered them. Without this line only the health paths are watched.
"""

_TRAEFIK_MORE = """\
  # The response header that proves which rollout's configuration served an answer.
  rollout_header: X-Updater-Rollout
  # After how many idle seconds Traefik drops a connection to a backend: less than the backend's own keep-alive,
  # else a request now and then meets a connection that is just being closed.
  backend_idle: 3
"""

_ROUTED = """
# Services with two colors behind Traefik. All of them flip in one step.
# blue, green: the Compose service of each color. port: where it listens in its container. health: 2xx there when it may
# have traffic. entrypoint: Traefik's. rule: which requests of that entrypoint are its own.
routed:
"""

_SINGLETONS = """
# Services of which two must never run at once. A new one is started after the old one is seen gone. It is ready when
# its own health check passes: the worker runs that check every checks/interval, whatever its own interval is. Without
# a health check it is ready when it has run for five seconds. One that did not change is not restarted.
"""

_RETIRED = """
# Services of the release's files that are never built, started or published: the updater that this one replaces.
"""

_UPDATER = """
# The services of the updater itself, where it runs in this stack; without this part it is never replaced. When the
# release that is live has them otherwise, they are replaced, last: web, then worker. Where one of the two is not well
# in time, both run again as before, and your traffic knows nothing of it. Their image has to have another name in each
# version, and to be on this host or in a registry.
"""

_TIMES = """
# The limits of everything that waits, in seconds.
times:
  fetch: {times.fetch:g} # fetching the tag
  build: {times.build:g} # building all images
  start: {times.start:g} # creating and starting the services of one color, all at once
  health: {times.health:g} # from started to healthy, of each routed service
  route: {times.route:g} # from the flip until Traefik is seen to have taken it over
  ready: {times.ready:g} # from started to ready, of a singleton
  bake: {times.bake:g} # how long the new color is watched while the old one is kept warm
  drain: {times.drain:g} # how long, from the flip, the old color keeps running for requests that it already has
  stop_grace: {stop_grace:g} # between SIGTERM and SIGKILL: longer than the longest request

# When a copy counts as healthy: so many passes of its health path in a row, so far apart, each answered in time
# (seconds). The engine's own verdict is not waited for; it counts only when it is `unhealthy`.
checks:
  passes: {checks.passes}
  interval: {checks.interval:g}
  timeout: {checks.timeout:g}
  # Back to the old color when clients' requests fail (5xx) by more than this share above what was usual: 0.05 is five
  # in a hundred. It has to be sure of it, and fewer than three failures never are. Needs traefik/metrics.
  errors: {checks.errors:g}

# What has to be free before a rollout starts: two colors and a build have to fit.
needs:
  disk_gb: {needs.disk_gb:g}
  memory_mb: {needs.memory_mb:g}

# What GitHub shows of the rollouts: a deployment each, with its states. Only with a GITHUB_TOKEN that may write
# deployments.
github:
  deployments: true
  environment: {github.environment} # the environment's name there
  # environment_url: https://www.example.org      # where people see the stack
  # log_url: https://updater.example.org/update/rollouts/{{rollout_id}}/log   # where they read a rollout's log

# What stays. The current and the previous release always do.
keep:
  build_cache_gb: {keep.build_cache_gb:g}
"""


def stack_text(proposal: Proposal) -> str:
    """The whole file."""
    project = proposal.project
    head = _HEAD.format(
        source=project.file,
        project=scalar(proposal.name),
        repository=scalar(proposal.repository) + _mark(proposal, "repository"),
        directory=scalar(str(project.directory)),
        compose_file=scalar(project.file),
    )
    limits = {"times": Times(), "stop_grace": proposal.stop_grace, "checks": Checks(), "needs": Needs()}
    tail = _TIMES.format(**limits, github=GitHub(), keep=Keep())
    services = [*_routed(proposal), *_singletons(proposal), *_retired(proposal), *_updater(proposal)]
    return "".join([head, *_traefik(proposal), *services, tail])


def scalar(value: str) -> str:
    """`value` as YAML writes it on one line, with quotes where it needs them."""
    style = None if value.isprintable() else '"'
    written: str = yaml.safe_dump(value, default_style=style, width=sys.maxsize, allow_unicode=True)
    return written.removesuffix("...\n").strip()


def _traefik(proposal: Proposal) -> Iterator[str]:
    yield _TRAEFIK
    for name, url in proposal.entrypoints.items():
        yield f"    {scalar(name)}: {scalar(url)}{_mark(proposal, f'traefik/entrypoints/{name}')}\n"
    yield _METRICS
    yield f"  {'' if proposal.has_metrics else '# '}metrics: {scalar(proposal.metrics)}\n"
    yield _TRAEFIK_MORE


def _routed(proposal: Proposal) -> Iterator[str]:
    yield _ROUTED
    for service in proposal.routed:
        yield f"  {scalar(service.name)}:\n"
        for key, value in _fields(service).items():
            text = scalar(value) if isinstance(value, str) else str(value)
            yield f"    {key}: {text}{_mark(proposal, f'routed/{service.name}/{key}')}\n"
        if service.rule is None:
            yield f"    # rule: {CATCH_ALL}{_mark(proposal, f'routed/{service.name}/rule')}\n"


def _fields(service: RoutedFound) -> dict[str, Any]:
    fields = {
        "blue": service.blue,
        "green": service.green,
        "port": service.port,
        "health": service.health,
        "entrypoint": service.entrypoint,
    }
    return {**fields, "rule": service.rule} if service.rule else fields


def _singletons(proposal: Proposal) -> Iterator[str]:
    yield _SINGLETONS
    yield "singletons:\n" if proposal.singletons else "singletons: {}\n"
    for name, service in proposal.singletons.items():
        yield f"  {scalar(name)}:\n    service: {scalar(service)}\n"
    for name, (service, why) in proposal.unsure.items():
        yield f"  # Must two of it never run at once? It may be so by this: {why}.\n"
        yield f"  # {scalar(name)}:\n  #   service: {scalar(service)}\n"


def _retired(proposal: Proposal) -> Iterator[str]:
    yield _RETIRED
    names = ", ".join(map(scalar, proposal.retired))
    yield f"retired: [{names}]\n" if names else "# retired: [old-updater]\n"


def _updater(proposal: Proposal) -> Iterator[str]:
    yield _UPDATER
    web, worker = map(scalar, proposal.updater or ("updater", "updater-worker"))
    lines = ("updater:", f"  web: {web}", f"  worker: {worker}", f"  ready: {Updater.ready:g} {_READY}")
    yield from (f"{line}\n" if proposal.updater else f"# {line}\n" for line in lines)


def _mark(proposal: Proposal, path: str) -> str:
    """A comment behind a value that a person has to look at, on its line whatever the sources have in their names."""
    question = proposal.notes.questions.get(path)
    return f" # QUESTION: {_one_line(question)}" if question else ""


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
