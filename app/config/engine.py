"""The part of the stack file that says which engine runs the stack, and where its nodes get the images."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from app.domain.stack import EngineKind

AVAILABLE = frozenset({EngineKind.COMPOSE})
"""The engines that this version has."""

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?::[1-9][0-9]{0,4})?"
_PATH = r"(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
_REGISTRY = re.compile(f"(?P<host>{_HOST}){_PATH}")
"""As an image's name begins. https://pkg.go.dev/github.com/distribution/reference"""

_FORM = "should be a registry and a path in it, as an image's name begins, such as registry.example.org/team"


def _registry(value: str) -> str:
    if "://" in value:
        raise ValueError(f"{_FORM}: without {value.partition('://')[0]}://")
    match = _REGISTRY.fullmatch(value.rstrip("/"))
    if match is None:
        raise ValueError(_FORM)
    host: str = match["host"]
    if host != "localhost" and "." not in host and ":" not in host:
        raise ValueError(f"{_FORM}. {host} has no dot and no port, so it is a name at Docker Hub: docker.io/{host}")
    return value.rstrip("/")


Registry = Annotated[str, AfterValidator(_registry)]

NodeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$", max_length=253)]
"""What `docker node ls` shows as HOSTNAME."""


def engine_contradictions(
    engine: EngineKind,
    registry: str | None,
    nodes: Mapping[str, str],
    available: Collection[EngineKind],
    *,
    in_redis: bool = False,
    own_services: bool = False,
) -> Iterator[str]:
    """What is wrong between `engine`, `registry` and `singletons/<name>/node`, of which `nodes` has those that are set.

    `available`: the engines of this version. `in_redis`: `traefik/redis` is set. `own_services`: `updater` is set.
    """
    if engine not in available:
        names = " or ".join(sorted(available))
        yield f"engine: this version of the updater cannot run {engine} yet. Write {names}, or remove the key"
        return
    if engine is EngineKind.SWARM:
        if registry is None:
            yield (
                "registry: is missing. With `engine: swarm`, each image is pushed there, and every node pulls it from "
                "there. Write it as an image's name begins, such as registry.example.org/team"
            )
        if own_services:
            yield (
                "updater: with `engine: swarm`, the updater cannot replace its own services. Remove the key, and "
                "update them yourself while no rollout runs, such as with `docker service update --image …`"
            )
        return
    remedy = "Remove the key" + (", or write `engine: swarm`" if EngineKind.SWARM in available else "")
    if registry is not None:
        yield f"registry: images are pushed only with `engine: swarm`. {remedy}"
    if in_redis:
        yield f"traefik/redis: routes are kept in a Redis only with `engine: swarm`. {remedy}"
    for name in nodes:
        yield f"singletons/{name}/node: there are several nodes only with `engine: swarm`. {remedy}"
